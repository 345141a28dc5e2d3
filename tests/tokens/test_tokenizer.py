"""A sequence says the maze and the path, nothing else, and can be read back."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp.mazes.batch import CUT, DOWN, END, INVALID, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.tokens import EDGE, GOAL, PAD, PATH, SCHEMES, START, TokenBatch, Tokenizer, edges

Batch = tuple[MazeBatch, PathBatch]
HAND = (
    "<ADJLIST_START> (0,0) <--> (0,1) ; (1,1) <--> (0,1) ; <ADJLIST_END> <ORIGIN_START> (0,0) <ORIGIN_END> "
    "<TARGET_START> (1,1) <TARGET_END> <PATH_START> (0,0) (0,1) (1,1) <PATH_END>"
)


def by_hand() -> Batch:
    """A 2 x 2 maze: (0,0) - (0,1) - (1,1), with (1,0) walled in, walked from end to end."""
    passages = np.zeros((1, 2, 2, 2), bool)
    passages[0, RIGHT, 0, 0] = passages[0, DOWN, 0, 1] = True
    mazes = MazeBatch(passages, np.array([0]), np.array([3]))
    return mazes, PathBatch(np.array([[0, 1, 3]]), np.array([3]), np.array([END]))


def neighbours(passages: np.ndarray, cell: int) -> list[int]:
    """The cells one step from `cell`, looked up one wall at a time."""
    row, col = divmod(cell, passages.shape[2])
    reach = [(row + 1, col)] if passages[DOWN, row, col] else []
    reach += [(row, col + 1)] if passages[RIGHT, row, col] else []
    reach += [(row - 1, col)] if row > 0 and passages[DOWN, row - 1, col] else []
    reach += [(row, col - 1)] if col > 0 and passages[RIGHT, row, col - 1] else []
    return [r * passages.shape[2] + c for r, c in reach]


@st.composite
def worlds(draw: st.DrawFn, size: int = 6) -> Batch:
    """Mazes with any passages, start and goal, and a random walk through each."""
    rows, cols, count = draw(st.integers(1, size)), draw(st.integers(1, size)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    passages = rng.random((count, 2, rows, cols)) < draw(st.floats(0, 1))
    passages[:, DOWN, -1] = passages[:, RIGHT, :, -1] = False
    start, goal = rng.integers(rows * cols, size=(2, count))
    walks = [[int(cell)] for cell in start]
    for walk, maze in zip(walks, passages, strict=True):
        for _ in range(rng.integers(12)):
            walk += rng.permutation(neighbours(maze, walk[-1]))[:1].tolist()
    length = np.array([len(walk) for walk in walks])
    cells = np.array([walk + [NO_CELL] * (length.max() - len(walk)) for walk in walks])
    return MazeBatch(passages, start, goal), PathBatch(cells, length, np.full(count, END))


def spelled(mazes: MazeBatch, paths: PathBatch, i: int, order: np.ndarray) -> str:
    """What maze i's sequence must be, put together one word at a time."""

    def name(cell: int) -> str:
        return "({},{})".format(*divmod(int(cell), mazes.cols))

    words = ["<ADJLIST_START>"]
    for code in order[order >= 0]:
        direction, cell = divmod(code // 2, mazes.rows * mazes.cols)
        two = [name(cell), name(cell + (mazes.cols if direction == DOWN else 1))]
        words += [two[code % 2], "<-->", two[1 - code % 2], ";"]
    words += ["<ADJLIST_END>", "<ORIGIN_START>", name(mazes.start[i]), "<ORIGIN_END>"]
    words += ["<TARGET_START>", name(mazes.goal[i]), "<TARGET_END>", "<PATH_START>"]
    words += [name(cell) for cell in paths.cells[i, : paths.length[i]]]
    return " ".join([*words, "<PATH_END>"] if paths.ended[i] == END else words)


def same(one: object, other: object) -> bool:
    """Whether two frozen batches hold equal arrays."""
    return all(np.array_equal(a, b) for a, b in zip(astuple(one), astuple(other), strict=True))


def test_the_documented_sequence() -> None:
    mazes, paths = by_hand()
    right, down = 4, 1
    batch = Tokenizer("adjacency_list", 2, 2).encode(mazes, paths, edge_order=np.array([[2 * right, 2 * down + 1]]))
    assert Tokenizer("adjacency_list", 2, 2).text(batch) == [HAND]
    assert batch.ids[0].tolist() == [0, 11, 8, 12, 9, 14, 8, 12, 9, 1, 4, 11, 5, 2, 14, 3, 6, 11, 12, 14, 7]
    assert batch.part[0].tolist() == [EDGE] * 10 + [START] * 3 + [GOAL] * 3 + [PATH] * 5
    assert batch.cell[0, [1, 3, 5, 7, 11, 14, 17, 18, 19]].tolist() == [0, 1, 3, 1, 0, 3, 0, 1, 3]
    assert (batch.cell[0] >= 0).sum() == 9
    assert np.flatnonzero(batch.graded[0]).tolist() == [16, 17, 18, 19]
    types = [array.dtype for array in (batch.ids, batch.part, batch.cell, batch.graded)]
    assert types == [np.int32, np.int8, np.int32, bool]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(world=worlds(), order=st.sampled_from(["row_by_row", "corner_first"]), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=100)
def test_reading_undoes_writing(scheme: str, world: Batch, order: str, seed: int) -> None:
    mazes, paths = world
    tokenizer = Tokenizer(scheme, 7, 6, order)
    text = tokenizer.text(tokenizer.encode(mazes, paths, seed=seed))
    found, walked = tokenizer.parse(text, mazes.rows, mazes.cols)
    assert same(found, mazes)
    assert same(walked, paths)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(world=worlds())
@settings(deadline=None, max_examples=30)
def test_no_maze_exceeds_the_longest_length(scheme: str, world: Batch) -> None:
    mazes, paths = world
    tokenizer = Tokenizer(scheme, 6, 6)
    room = tokenizer.max_length(mazes.rows, mazes.cols)
    assert (tokenizer.encode(mazes, paths, seed=0).length - paths.length + mazes.rows * mazes.cols <= room).all()


@given(world=worlds(), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=100)
def test_every_sequence_is_what_the_oracle_spells(world: Batch, seed: int) -> None:
    mazes, paths = world
    tokenizer = Tokenizer("adjacency_list", 6, 6)
    order = tokenizer.draw_edge_order(mazes.passages, seed=seed)
    batch = tokenizer.encode(mazes, paths, seed=seed)
    assert tokenizer.text(batch) == [spelled(mazes, paths, i, order[i]) for i in range(len(mazes))]
    assert same(batch, tokenizer.encode(mazes, paths, edge_order=order))


@given(world=worlds(), order=st.sampled_from(["row_by_row", "corner_first"]))
@settings(deadline=None, max_examples=100)
def test_what_each_position_means(world: Batch, order: str) -> None:
    """Parts, cells, grades and padding, each against a reading of the text from left to right."""
    mazes, paths = world
    tokenizer = Tokenizer("adjacency_list", 6, 6, order)
    batch = tokenizer.encode(mazes, paths, seed=5)
    opens = {"<ADJLIST_START>": EDGE, "<ORIGIN_START>": START, "<TARGET_START>": GOAL, "<PATH_START>": PATH}
    for i, text in enumerate(tokenizer.text(batch)):
        part, words = None, text.split()
        assert len(words) == batch.length[i]
        for at, word in enumerate(words):
            part = opens.get(word, part)
            assert batch.part[i, at] == part
            row, col = map(int, word[1:-1].split(",")) if word[0] == "(" else (0, NO_CELL)
            assert batch.cell[i, at] == row * mazes.cols + col
            assert batch.graded[i, at] == (part == PATH and word != "<PATH_END>")
        assert (batch.part[i, len(words) :] == PAD).all()
        assert (batch.ids[i, len(words) :] == tokenizer.vocabulary.ids["<PADDING>"]).all()
        assert (batch.cell[i, len(words) :] == NO_CELL).all()
        assert not batch.graded[i, len(words) :].any()


def test_the_batch_is_as_wide_as_its_longest_sequence() -> None:
    passages = np.zeros((2, 2, 3, 3), bool)
    passages[1, DOWN, 0] = True
    none = PathBatch(np.zeros((2, 0), int), np.zeros(2, int), np.full(2, END))
    batch = Tokenizer("adjacency_list", 3, 3).encode(
        MazeBatch(passages, np.zeros(2, int), np.ones(2, int)), none, seed=0
    )
    assert batch.length.tolist() == [10, 22]
    assert batch.ids.shape == (2, 22)


def test_the_longest_length_is_reached() -> None:
    """An open 2 x 3 lattice walked by a path through every cell."""
    passages = np.zeros((1, 2, 2, 3), bool)
    passages[0, DOWN, 0] = passages[0, RIGHT, :, :2] = True
    snake = PathBatch(np.array([[0, 1, 2, 5, 4, 3]]), np.array([6]), np.array([END]))
    tokenizer = Tokenizer("adjacency_list", 4, 4)
    batch = tokenizer.encode(MazeBatch(passages, np.array([0]), np.array([3])), snake, seed=0)
    assert batch.length.tolist() == [tokenizer.max_length(2, 3)]
    assert tokenizer.max_length() == tokenizer.max_length(4, 4) > tokenizer.max_length(3, 4)


@given(world=worlds())
@settings(deadline=None, max_examples=30)
def test_a_prompt_is_the_beginning_of_its_sequence(world: Batch) -> None:
    mazes, paths = world
    tokenizer = Tokenizer("adjacency_list", 6, 6)
    prompts, whole = tokenizer.encode_prompts(mazes, seed=9), tokenizer.encode(mazes, paths, seed=9)
    for i, length in enumerate(prompts.length):
        assert prompts.ids[i, length - 1] == tokenizer.vocabulary.ids["<PATH_START>"]
        assert (prompts.ids[i, :length] == whole.ids[i, :length]).all()
        assert np.flatnonzero(prompts.graded[i]).tolist() == [length - 1]
    found, walked = tokenizer.parse(tokenizer.text(prompts), mazes.rows, mazes.cols)
    assert same(found, mazes)
    assert walked.length.tolist() == [0] * len(mazes)
    assert (walked.ended == CUT).all()


def test_sequence_i_depends_on_seed_and_index_alone() -> None:
    """Of the 8 ways to write two edges, 100 mazes show all; one would be missing for 1 seed in 75 000."""
    mazes, paths = (batch[np.zeros(100, int)] for batch in by_hand())
    tokenizer = Tokenizer("adjacency_list", 2, 2)
    whole = tokenizer.encode(mazes, paths, seed=1, first=50)
    assert same(whole[10:20], tokenizer.encode(mazes[10:20], paths[10:20], seed=1, first=60))
    assert len(np.unique(whole.ids, axis=0)) == 8


def test_a_path_that_did_not_end_has_no_end_token() -> None:
    mazes, paths = by_hand()
    tokenizer = Tokenizer("adjacency_list", 2, 2)
    for ended in (CUT, INVALID):
        cut = PathBatch(paths.cells, np.array([2]), np.array([ended]))
        batch = tokenizer.encode(mazes, cut, seed=0)
        assert tokenizer.text(batch)[0].endswith("<PATH_START> (0,0) (0,1)")
        assert np.flatnonzero(batch.graded[0]).tolist() == [16, 17, 18]


def test_a_smaller_maze_keeps_its_names_and_its_own_cells() -> None:
    mazes, paths = by_hand()
    order = edges.draw(mazes.passages, seed=0)
    small, large = (Tokenizer("adjacency_list", size, size) for size in (2, 5))
    ours, theirs = (tokenizer.encode(mazes, paths, edge_order=order) for tokenizer in (small, large))
    assert small.text(ours) == large.text(theirs)
    assert (ours.cell == theirs.cell).all()
    assert (ours.ids != theirs.ids).any()
    found, walked = large.parse(HAND)
    assert found.passages.shape == (1, 2, 5, 5)
    assert found.passages.sum() == 2
    assert (found.goal[0], walked.cells[0].tolist()) == (6, [0, 1, 6])


def test_empty_batches() -> None:
    mazes, paths = (batch[:0] for batch in by_hand())
    tokenizer = Tokenizer("adjacency_list", 2, 2)
    batch = tokenizer.encode(mazes, paths, seed=0)
    assert (len(batch), tokenizer.text(batch)) == (0, [])
    found, walked = tokenizer.parse([])
    assert (len(found), len(walked)) == (0, 0)


def test_arguments_stay_as_they_were() -> None:
    mazes, paths = by_hand()
    arrays = [*astuple(mazes), *astuple(paths)]
    for array in (mazes.passages, mazes.start, mazes.goal, paths.cells, paths.length, paths.ended):
        array.setflags(write=False)
    tokenizer = Tokenizer("adjacency_list", 2, 2)
    batch = tokenizer.encode(mazes, paths, seed=0)
    assert isinstance(batch, TokenBatch)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, [*astuple(mazes), *astuple(paths)], strict=True))
    assert tokenizer == Tokenizer("adjacency_list", 2, 2)
