"""Sequences as files of token strings, for tools that know nothing of this package.

The format is JSON lines: one array of token strings per sequence. Token names are maze-dataset's, so either side
reads what the other wrote.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from maze_interp import storage


def write_jsonl(path: str | Path, texts: Iterable[str]) -> None:
    """Write sequences, as `Tokenizer.text` gives them, to a file: one JSON array of token strings per line."""
    storage.write_text_atomically(path, "".join(f"{json.dumps(text.split())}\n" for text in texts))


def read_jsonl(path: str | Path) -> list[str]:
    """The sequences of a file, as `Tokenizer.parse` takes them. A line is a JSON array of token strings or one string.

    Raises ValueError naming the file and the line (from 1) for anything else.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [_sequence(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _sequence(path: str | Path, number: int, line: str) -> str:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {number}: not JSON: {error}") from None
    tokens = [found] if isinstance(found, str) else found
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{path}, line {number}: expected an array of token strings, or one string of them")
    return " ".join(tokens)
