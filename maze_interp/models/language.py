"""The language of a model from elsewhere: which of its tokens is which of ours.

maze-dataset has had three ways of writing mazes that matter (`TokenizationMode`), and a modular tokenizer since 2024
whose vocabulary holds all words of all ways: the specials, marks, numbers, words that we have no use for, and the cells
of 50 x 50 in the order "corner_first". What is not one of these, or reads otherwise than our schemes write, is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from maze_interp import recipes
from maze_interp.tokens.schemes import SCHEMES
from maze_interp.tokens.vocabulary import ORDERS, Vocabulary

MODES = {
    "AOTP_UT_rasterized": ("adjacency_list", "row_by_row"),
    "AOTP_UT_uniform": ("adjacency_list", "corner_first"),
    "AOTP_CTT_indexed": ("coordinate_tuples", "row_by_row"),
    "AOTP_indexed": ("coordinate_tuples", "row_by_row"),
}
MODULAR = "MazeTokenizerModular"
REST = (
    "AdjListCoord(pre=F, post=T, shuffle_d0=T, Ungrouped(connection_token_ordinal=1), ConnectionEdges(walls=F), "
    "RandomCoords()), Unlabeled(post=F), StepSequence(Singles(), step_tokenizers=(Coord(), ), pre=F, intra=F, post=F))"
)
WAYS = {
    f"{MODULAR}-AOTP(UT(), {REST}": "adjacency_list",
    f"{MODULAR}-AOTP(CTT(pre=T, intra=T, post=T), {REST}": "coordinate_tuples",
}
FIRST_NUMBER, FIRST_CELL, CELLS, COMBINED = 320, 1596, 50, 4096  # in the combined vocabulary, of 50 x 50 cells
LARGEST = 128  # lattices larger than this are a mistake, or meant to exhaust memory
CONTEXT = 512  # of a configuration that names none


@dataclass(frozen=True)
class Language:
    """A scheme and vocabulary of ours for a lattice of size x size, and the id of each of its tokens in theirs."""

    scheme: str
    order: str
    size: int
    ids: Int[np.ndarray, " vocab"]
    context: int


def language_of(config: Mapping[str, Any], data: Mapping[str, Any], vocab: int) -> Language:
    """What a model with this configuration and `vocab` tokens reads, whose data set's configuration is `data`.

    Raises ValueError for an unknown tokenizer, and for a vocabulary of another size or without one of our tokens.
    """
    tokenizer = config.get("maze_tokenizer")
    told = tokenizer if isinstance(tokenizer, dict) else {}
    context = data.get("seq_len_max", CONTEXT)
    if type(context) is not int or context < 1:
        raise ValueError(f"dataset_cfg.seq_len_max must be a whole number from 1, not {context!r}")
    listed = [one["token_arr"] for one in (told, data) if one.get("token_arr") is not None]
    if "prompt_sequencer" in told:
        language, size = _modular(told, _lattice(told, data), context), COMBINED
    elif listed:
        language, size = _listed(listed[0], context), len(listed[0])
    elif told:
        language = _named(told.get("tokenization_mode"), _lattice(told, data), context)
        size = len(language.ids)
    else:
        raise ValueError("unknown tokenizer: it names none and lists no tokens")
    if size != vocab:
        raise ValueError(f"its tokenizer has {size} tokens, its embedding {vocab}")
    return language


def _named(mode: Any, size: int, context: int) -> Language:
    """The tokens of one of the modes, all of which are ours, in the same order."""
    if not isinstance(mode, str) or mode not in MODES:
        raise recipes.unknown("tokenizer", mode, MODES)
    scheme, order = MODES[mode]
    return Language(scheme, order, size, np.arange(_vocabulary(scheme, order, size).size), context)


def _modular(told: Mapping[str, Any], size: int, context: int) -> Language:
    """The combined vocabulary, cut down to what mazes of size x size are written with."""
    name = told.get("name")
    if not isinstance(name, str) or name not in WAYS:
        raise recipes.unknown("tokenizer", name, WAYS)
    if size > CELLS:
        raise ValueError(f"its vocabulary has cells for {CELLS} x {CELLS}, not for {size} x {size}")
    scheme = WAYS[name]
    order = "corner_first" if scheme == "adjacency_list" else "row_by_row"
    vocabulary = _vocabulary(scheme, order, size)
    ids = np.arange(vocabulary.size)  # specials and marks come first there too
    ids[vocabulary.first_place :] += (FIRST_NUMBER if vocabulary.numbers else FIRST_CELL) - vocabulary.first_place
    return Language(scheme, order, size, ids, context)


def _listed(tokens: Any, context: int) -> Language:
    """A vocabulary that is listed token by token, in whatever order."""
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("its token_arr is no list of strings")
    place = {token: index for index, token in enumerate(tokens)}
    if len(place) != len(tokens):
        raise ValueError("its token_arr lists a token twice")
    scheme = "adjacency_list" if "(0,0)" in place else "coordinate_tuples"
    last = (lambda n: f"({n},{n})") if scheme == "adjacency_list" else str
    size = next(n for n in range(len(tokens) + 1) if last(n) not in place)
    if size == 0:
        raise ValueError(f"unknown tokenizer: no cell and no number is among its tokens, {', '.join(tokens[:20])}")
    found = [_vocabulary(scheme, order, _taken(size)) for order in ORDERS]
    missing = [token for token in found[0].tokens if token not in place]
    if missing:
        raise ValueError(f"unknown tokenizer: mazes of {size} x {size} need the token {missing[0]!r}, which it lacks")
    ids = [np.array([place[token] for token in vocabulary.tokens]) for vocabulary in found]
    which = next((i for i, order in enumerate(ids) if (np.diff(order) > 0).all()), 0)
    return Language(scheme, found[which].order, size, ids[which], context)


def _vocabulary(scheme: str, order: str, size: int) -> Vocabulary:
    choices = SCHEMES[scheme]
    return Vocabulary(size, size, order, choices.words, choices.spelled)


def _lattice(told: Mapping[str, Any], data: Mapping[str, Any]) -> int:
    """The rows of the largest maze that a tokenizer of theirs writes: its own word for it, or the data set's."""
    parts = data.get("maze_dataset_configs")
    inner = [part.get("grid_n") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    sizes = [told.get("max_grid_size")] if told.get("max_grid_size") is not None else [data.get("grid_n"), *inner]
    whole = [size for size in sizes if type(size) is int and size > 0]
    if not whole:
        raise ValueError("neither its tokenizer nor its data set says how large its mazes are")
    return _taken(max(whole))


def _taken(size: int) -> int:
    """The rows of a lattice as they are. ValueError if there are too many."""
    if size > LARGEST:
        raise ValueError(f"its mazes have {size} rows; more than {LARGEST} are not taken")
    return size
