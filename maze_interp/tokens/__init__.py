"""Mazes as token sequences: vocabulary, schemes and the tokenizer that ties them together."""

from maze_interp.tokens import unusual
from maze_interp.tokens.batch import EDGE, GOAL, PAD, PATH, START, TokenBatch
from maze_interp.tokens.conversion import convert
from maze_interp.tokens.interop import read_jsonl, write_jsonl
from maze_interp.tokens.schemes import SCHEMES, Scheme
from maze_interp.tokens.tokenizer import NOT_WRITTEN, Tokenizer
from maze_interp.tokens.vocabulary import SPECIALS, Vocabulary

__all__ = [
    "EDGE",
    "GOAL",
    "NOT_WRITTEN",
    "PAD",
    "PATH",
    "SCHEMES",
    "SPECIALS",
    "START",
    "Scheme",
    "TokenBatch",
    "Tokenizer",
    "Vocabulary",
    "convert",
    "read_jsonl",
    "unusual",
    "write_jsonl",
]
