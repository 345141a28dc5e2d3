"""Every scheme says the maze and the path, nothing else, and can be read back: the named ones and all that could be."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import mazes
from maze_interp.mazes import DOWN, END, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.tokens import EDGE, GOAL, PAD, PATH, SCHEMES, START, Scheme, Tokenizer, edges
from tests import languages, oracles
from tests.languages import same, spelled, worlds

every_scheme = pytest.mark.parametrize("name", SCHEMES)
ORDER = st.sampled_from(["row_by_row", "corner_first"])


@contextmanager
def written_as(scheme: Scheme, rows: int, cols: int, order: str = "row_by_row") -> Iterator[Tokenizer]:
    """A tokenizer of a scheme that has no name."""
    with mock.patch.dict(SCHEMES, {"unnamed": scheme}):
        yield Tokenizer("unnamed", rows, cols, order)


@every_scheme
@given(data=st.data(), order=ORDER, seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=15)
def test_a_named_scheme_keeps_every_promise(name: str, data: st.DataObject, order: str, seed: int) -> None:
    keeps_every_promise(SCHEMES[name], data.draw(worlds(SCHEMES[name], prompts=True)), order, seed)


@given(scheme=languages.schemes, data=st.data(), order=ORDER, seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=150)
def test_every_composition_keeps_every_promise(scheme: Scheme, data: st.DataObject, order: str, seed: int) -> None:
    keeps_every_promise(scheme, data.draw(worlds(scheme, prompts=True)), order, seed)


def keeps_every_promise(scheme: Scheme, world: languages.Batch, order: str, seed: int) -> None:
    drawn, paths = world
    with written_as(scheme, 7, 6, order) as tokenizer:
        batch = tokenizer.encode(drawn, paths, seed=seed)
        listed = tokenizer.draw_edge_order(drawn.passages, seed=seed)
        texts = tokenizer.text(batch)
        assert [text.split() for text in texts] == [
            spelled(scheme, drawn, paths, i, listed[i]) for i in range(len(drawn))
        ]
        found, walked = tokenizer.parse(texts, drawn.rows, drawn.cols)
        assert same(found, drawn)
        assert same(walked, paths)
        assert np.array_equal(tokenizer.edge_order(texts, drawn.rows, drawn.cols), listed)
        assert same(batch, tokenizer.encode(drawn, paths, edge_order=listed))
        means_what_it_says(scheme, tokenizer, drawn, paths)


def means_what_it_says(scheme: Scheme, tokenizer: Tokenizer, drawn: MazeBatch, paths: PathBatch) -> None:
    """Parts, cells, grades, padding and ids, each against a reading of the text from left to right."""
    batch = tokenizer.encode(drawn, paths, seed=5)
    opens = {"<ADJLIST_START>": EDGE, "<ORIGIN_START>": START, "<TARGET_START>": GOAL, "<PATH_START>": PATH}
    settles, size = scheme.spelling.index("c") if scheme.spelled else 0, len(scheme.spelling)
    for i, text in enumerate(tokenizer.text(batch)):
        part, words = None, text.split()
        assert [tokenizer.vocabulary.ids[word] for word in words] == batch.ids[i, : batch.length[i]].tolist()
        named, steps = [], iter(paths.cells[i, 1 : paths.length[i]].tolist())
        within = 0  # how many tokens of a cell have been read
        for word in words:
            part = opens.get(word, part)
            special = word in opens or word[0] == "<" or word == ";"
            if part == PATH and scheme.moves:
                sets_out = word == "<PATH_START>"
                named.append(drawn.start[i] if sets_out else NO_CELL if special else next(steps))
            elif special:
                named.append(NO_CELL)
            else:
                named.append(-2 if within == settles else NO_CELL)
                within = (within + 1) % size
            assert batch.part[i, len(named) - 1] == part
            assert batch.graded[i, len(named) - 1] == (part == PATH and word != "<PATH_END>")
        cells = batch.cell[i, : len(words)]
        for at, cell in enumerate(named):
            assert cells[at] == cell if cell != -2 else _reads(scheme, words, at, settles, cells[at], drawn.cols)
        rest = slice(len(words), None)
        assert (batch.part[i, rest] == PAD).all()
        assert (batch.ids[i, rest] == tokenizer.vocabulary.ids["<PADDING>"]).all()
        assert (batch.cell[i, rest] == NO_CELL).all()
        assert not batch.graded[i, rest].any()


def _reads(scheme: Scheme, words: list[str], at: int, settles: int, cell: int, cols: int) -> bool:
    said = words[at - settles : at - settles + len(scheme.spelling)]
    row, col = divmod(int(cell), cols)
    return said == scheme.cells.replace("r", str(row)).replace("c", str(col)).split()


@every_scheme
def test_the_path_and_its_end_are_what_is_graded(name: str) -> None:
    """The graded predictions of a whole sequence, put together, are the words of the path and its end."""
    drawn = mazes.draw(mazes.World("wilson", 4, 4), 10, seed=0)
    tokenizer = Tokenizer(name, 4, 4)
    batch = tokenizer.encode(drawn, mazes.solve(drawn), seed=0)
    for i, text in enumerate(tokenizer.text(batch)):
        answers = batch.ids[i, 1:][batch.graded[i, :-1]]
        words = [tokenizer.vocabulary.tokens[token] for token in answers]
        assert words == text.split()[text.split().index("<PATH_START>") + 1 :]


@every_scheme
@given(data=st.data())
@settings(deadline=None, max_examples=10)
def test_a_prompt_is_the_beginning_of_its_sequence(name: str, data: st.DataObject) -> None:
    drawn, paths = data.draw(worlds(SCHEMES[name]))
    tokenizer = Tokenizer(name, 6, 6)
    prompts, whole = tokenizer.encode_prompts(drawn, seed=9), tokenizer.encode(drawn, paths, seed=9)
    for i, length in enumerate(prompts.length):
        assert prompts.ids[i, length - 1] == tokenizer.vocabulary.ids["<PATH_START>"]
        assert (prompts.ids[i, :length] == whole.ids[i, :length]).all()
        assert np.flatnonzero(prompts.graded[i]).tolist() == [length - 1]


def snake(rows: int, cols: int) -> np.ndarray:
    """The cells of a lattice row by row, every other row from right to left."""
    cells = np.arange(rows * cols).reshape(rows, cols)
    cells[1::2] = cells[1::2, ::-1].copy()
    return cells.reshape(1, -1)


@pytest.mark.parametrize("name", [name for name in SCHEMES if SCHEMES[name].path != "forks"])
def test_the_longest_length_is_reached(name: str) -> None:
    """All edges of a 4 x 4 lattice listed and a path through every cell: the formula is what such a sequence takes.

    Not so for forks, of which a corner cannot be one: there it is a bound.
    """
    passages = mazes.generate("open_field", 1, 4, 4, seed=0)
    if SCHEMES[name].edges == "walls":
        passages = np.zeros_like(passages)
    path = snake(4, 4)
    tokenizer = Tokenizer(name, 5, 5)
    world = MazeBatch(passages, path[:, 0], path[:, -1])
    batch = tokenizer.encode(world, PathBatch(path, np.array([16]), np.array([END])), seed=0)
    assert batch.length.tolist() == [tokenizer.max_length(4, 4)]
    prompt = tokenizer.encode_prompts(world, seed=0)
    assert batch.length - prompt.length == tokenizer.longest_path(4, 4)
    assert tokenizer.max_length() == tokenizer.max_length(5, 5) > tokenizer.max_length(4, 4)


@given(scheme=languages.schemes, rows=st.integers(1, 5), cols=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=100)
def test_a_sequence_is_as_long_as_its_formula(scheme: Scheme, rows: int, cols: int, seed: int) -> None:
    """The longest sequence, less the edges that are not listed and the steps that are not written."""
    rng = np.random.default_rng(seed)
    tree = languages.without_cycles(oracles.inside(rows, cols), rng)[None]
    world = MazeBatch(tree, *rng.integers(rows * cols, size=(2, 1)))
    paths = mazes.solve(world)
    with written_as(scheme, rows, cols) as tokenizer:
        length = int(tokenizer.encode(world, paths, seed=0).length[0])
        left_out = {"passages": "walls", "walls": "passages"}.get(scheme.edges)
        unlisted = 0 if left_out is None else int(edges.listed(tree, left_out).sum())
        edge = 2 * len(scheme.spelling) + scheme.connector + 1
        prompt = tokenizer.max_length() - tokenizer.longest_path() - unlisted * edge
        assert length == prompt + _path_words(scheme, world, paths)


def _path_words(scheme: Scheme, world: MazeBatch, paths: PathBatch) -> int:
    words = spelled(scheme, world, paths, 0, np.empty(0, int))
    return len(words) - words.index("<PATH_START>") - 1


@every_scheme
def test_sequence_i_depends_on_seed_and_index_alone(name: str) -> None:
    drawn = mazes.draw(mazes.World("wilson", 3, 4), 40, seed=0)
    paths, tokenizer = mazes.solve(drawn), Tokenizer(name, 4, 4)
    whole, part = (
        tokenizer.text(tokenizer.encode(drawn[some], paths[some], seed=1, first=first))
        for some, first in ((slice(None), 50), (slice(10, 20), 60))
    )
    assert whole[10:20] == part
    again = tokenizer.text(tokenizer.encode(drawn, paths, seed=2, first=50))
    assert (whole == again) == (SCHEMES[name].order == "row_by_row")


def test_forks_are_written_wherever_they_tell_the_path() -> None:
    """On mazes with cycles too, what is not refused is read back; some of either kind among 400 (fixed seed)."""
    rng = np.random.default_rng(0)
    tokenizer, told = Tokenizer("forks", 4, 4), []
    for _ in range(400):
        passages = rng.random((1, 2, 4, 4)) < 0.5
        passages[:, DOWN, -1] = passages[:, RIGHT, :, -1] = False
        cells = languages.walk(passages[0], int(rng.integers(16)), rng.integers(10), rng, bool(rng.integers(2)))
        world = MazeBatch(passages, np.array(cells[:1]), np.array(cells[-1:]))
        path = PathBatch(np.array([cells]), np.array([len(cells)]), np.array([END]))
        with suppress(ValueError):
            told.append(tokenizer.text(tokenizer.encode(world, path, seed=0)))
            assert same(tokenizer.parse(told[-1])[1], path)
    assert 100 < len(told) < 300


def test_what_a_scheme_needs_is_said_by_it() -> None:
    assert Scheme().needs == ()
    assert SCHEMES["turns"].needs == ("the path begins at the start",)
    assert len(Scheme(edges="walls", path="forks", target=False).needs) == 3


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"cells": "(c,r)"}, r"unknown way to write cells '\(c,r\)'; did you mean '\(r,c\)'"),
        ({"edges": "wall"}, "unknown way to write edges 'wall'; did you mean 'walls'"),
        ({"order": "breadth_first"}, "unknown way to write order 'breadth_first'; did you mean 'depth_first'"),
        ({"path": "steps"}, "unknown way to write path 'steps'"),
        ({"sections": ("edges", "origin")}, "sections must be edges, origin, target in some order, not edges, origin"),
        ({"edges": "both", "connector": False}, "need a connector to be told apart"),
        ({"edges": "walls", "order": "depth_first"}, "it cannot order walls"),
    ],
)
def test_choices_that_do_not_fit_are_refused(choices: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Scheme(), **choices)
