"""Prompts that the tokenizer itself never writes, said with the words that it has.

A model can be asked to read what it was not trained on: the maze in another scheme's way, as far as its vocabulary
has the words; an edge said once more; an edge between cells that are no neighbours. Parsing knows nothing of them.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.mazes.batch import CUT, NO_CELL, MazeBatch, PathBatch
from maze_interp.recipes import Refusal
from maze_interp.tokens import edges, writing
from maze_interp.tokens.batch import EDGE, PAD, PATH, TokenBatch
from maze_interp.tokens.faults import COL, ROW
from maze_interp.tokens.schemes import Scheme
from maze_interp.tokens.spelling import pattern, spell
from maze_interp.tokens.tokenizer import Tokenizer
from maze_interp.tokens.vocabulary import CONNECTOR, PADDING, SEMICOLON, Vocabulary


def reworded(tokenizer: Tokenizer, choices: Scheme, mazes: MazeBatch, *, seed: int, first: int = 0) -> TokenBatch:
    """The prompts as a scheme of these choices writes them, in the ids of the tokenizer's vocabulary.

    With the tokenizer's own choices they are its own prompts. Raises a Refusal naming the first word that its
    vocabulary lacks.
    """
    lattice = tokenizer.rows, tokenizer.cols, tokenizer.order
    symbols, count = Vocabulary(*lattice, choices.words), len(mazes)
    words = Vocabulary(*lattice, choices.words, choices.spelled)
    order = edges.draw(edges.listed(mazes.passages, choices.edges), seed=seed, first=first, order=choices.order)
    no_path = PathBatch(np.empty((count, 0), np.int32), np.zeros(count, np.int32), np.full(count, CUT, np.int8))
    batch = writing.encode(choices, symbols, mazes, no_path, order)
    if choices.spelled:
        batch = spell(batch, symbols, words, choices.spelling)
    renamed = np.array([tokenizer.vocabulary.ids.get(word, -1) for word in words.tokens], np.int32)
    lacking = renamed[batch.ids] < 0
    if lacking.any():
        raise Refusal(f"the model's vocabulary has no token {words.tokens[batch.ids[lacking][0]]!r}")
    return replace(batch, ids=renamed[batch.ids])


def edges_said(tokenizer: Tokenizer, prompts: TokenBatch) -> Int[np.ndarray, " maze"]:
    """How many edges each prompt names."""
    return ((prompts.part == EDGE).sum(axis=1) - 2) // edge_tokens(tokenizer.choices)


def edge_tokens(choices: Scheme) -> int:
    """How many tokens an edge takes."""
    return 2 * len(choices.spelling) + choices.connector + 1


def tokens_of(
    tokenizer: Tokenizer, prompts: TokenBatch, ends: Int[np.ndarray, "maze 2"]
) -> Bool[np.ndarray, "maze position"]:
    """The tokens of the edges that join these two cells, all of each: cells, connector and separator."""
    width, said = edge_tokens(tokenizer.choices), edges_said(tokenizer, prompts)
    number = (np.arange(prompts.ids.shape[1]) - _first_edge(prompts)[:, None]) // width
    number = np.where((number >= 0) & (number < said[:, None]), number, -1)
    found = np.zeros(number.shape, bool)
    for edge in range(int(said.max(initial=0))):
        own = number == edge
        joins = [(own & (prompts.cell == ends[:, [side]])).any(axis=1) for side in (0, 1)]
        found |= own & (joins[0] & joins[1])[:, None]
    return found


def say_again(
    tokenizer: Tokenizer,
    prompts: TokenBatch,
    which: Int[np.ndarray, "maze extra"],
    slots: Int[np.ndarray, "maze extra"],
) -> TokenBatch:
    """The prompts with edge number `which` of each said once more, before edge number `slots`; -1 says nothing."""
    width = edge_tokens(tokenizer.choices)
    at = _first_edge(prompts)[:, None, None] + np.maximum(which, 0)[..., None] * width + np.arange(width)
    maze = np.arange(len(prompts))[:, None, None]
    return _insert(prompts, prompts.ids[maze, at], prompts.cell[maze, at], which >= 0, slots)


def say_also(
    tokenizer: Tokenizer,
    prompts: TokenBatch,
    mazes: MazeBatch,
    ends: Int[np.ndarray, "maze extra 2"],
    slots: Int[np.ndarray, "maze extra"],
) -> TokenBatch:
    """The prompts with passages between any two cells added, each before edge number `slots`.

    Raises a Refusal if the scheme lists walls and no passages.
    """
    choices = tokenizer.choices
    if choices.edges == "walls":
        raise Refusal(f"the scheme {tokenizer.scheme!r} lists walls, so it cannot name a passage")
    one, other = (_spelt(tokenizer, ends[..., side], mazes.cols) for side in (0, 1))
    shape = (*ends.shape[:2], 1)
    connector, end = ((np.full(shape, token), np.full(shape, NO_CELL)) for token in (CONNECTOR, SEMICOLON))
    groups = [one, *([connector] if choices.connector else []), other, end]
    ids, cells = (np.concatenate(parts, axis=-1) for parts in zip(*groups, strict=True))
    return _insert(prompts, ids, cells, ends[..., 0] != NO_CELL, slots)


def answered(prompts: TokenBatch, whole: TokenBatch) -> TokenBatch:
    """The prompts, each with what stands behind the prompt of sequence i of `whole`: its path.

    Raises ValueError unless there is one of each.
    """
    if len(prompts) != len(whole):
        raise ValueError(f"{len(prompts)} prompts cannot have the paths of {len(whole)} sequences")
    opening = (whole.part == PATH).argmax(axis=1)  # <PATH_START>, which both have
    before, length = prompts.length[:, None] - 1, prompts.length - 1 + whole.length - opening
    at = np.arange(int(length.max(initial=0)))
    source = np.clip(at - before + opening[:, None], 0, whole.ids.shape[1] - 1)
    own = np.minimum(np.broadcast_to(at, source.shape), prompts.ids.shape[1] - 1)

    def put(prompt: np.ndarray, path: np.ndarray, padding: int) -> np.ndarray:
        both = np.where(at < before, np.take_along_axis(prompt, own, axis=1), np.take_along_axis(path, source, axis=1))
        return np.where(at < length[:, None], both, padding).astype(prompt.dtype)

    return TokenBatch(
        ids=put(prompts.ids, whole.ids, PADDING),
        part=put(prompts.part, whole.part, PAD),
        cell=put(prompts.cell, whole.cell, NO_CELL),
        graded=put(prompts.graded, whole.graded, 0),
        length=length.astype(prompts.length.dtype),
    )


def _spelt(
    tokenizer: Tokenizer, cells: Int[np.ndarray, "maze extra"], cols: int
) -> tuple[Int[np.ndarray, "maze extra token"], Int[np.ndarray, "maze extra token"]]:
    """The tokens of each cell, and the cell that each of them names."""
    vocabulary, choices = tokenizer.vocabulary, tokenizer.choices
    row, col = np.divmod(np.maximum(cells, 0), cols)
    if not choices.spelled:
        return vocabulary.cell_ids[row, col][..., None], cells[..., None]
    wanted = pattern(choices.spelling, vocabulary)
    number = np.where(wanted == ROW, row[..., None], col[..., None]) + vocabulary.first_place
    return np.where(wanted < 0, number, wanted), np.where(wanted == COL, cells[..., None], NO_CELL)


def _insert(
    prompts: TokenBatch,
    ids: Int[np.ndarray, "maze extra token"],
    cells: Int[np.ndarray, "maze extra token"],
    said: np.ndarray,
    slots: Int[np.ndarray, "maze extra"],
) -> TokenBatch:
    """Groups of tokens put before the edge of that number: all tokens are sorted by where they belong."""
    count, extra, width = ids.shape
    begin = _first_edge(prompts)[:, None]
    old = np.where(prompts.part == PAD, np.inf, np.arange(prompts.ids.shape[1]))
    new = np.where(said, begin + slots * width - 0.5, np.inf)
    order = np.argsort(np.concatenate([old, np.repeat(new, width, axis=1)], axis=1), axis=1, kind="stable")
    length = (prompts.length + width * said.sum(axis=1)).astype(np.int32)
    order = order[:, : length.max(initial=0)]
    inside = np.arange(order.shape[1]) < length[:, None]

    def put(own: np.ndarray, others: np.ndarray, padding: int) -> np.ndarray:
        both = np.concatenate([own, others.reshape(count, extra * width).astype(own.dtype)], axis=1)
        return np.where(inside, np.take_along_axis(both, order, axis=1), padding).astype(own.dtype)

    return TokenBatch(
        ids=put(prompts.ids, ids, PADDING),
        part=put(prompts.part, np.full(ids.shape, EDGE), PAD),
        cell=put(prompts.cell, cells, NO_CELL),
        graded=put(prompts.graded, np.zeros(ids.shape), 0),
        length=length,
    )


def _first_edge(prompts: TokenBatch) -> Int[np.ndarray, " maze"]:
    """The position after <ADJLIST_START>."""
    return (prompts.part == EDGE).argmax(axis=1) + 1
