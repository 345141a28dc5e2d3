"""The tasks ask where their names say, found again in the written text."""

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.behaviour import TASKS, score_tasks
from maze_interp.behaviour.tasks import NO_POSITION, positions
from maze_interp.mazes import MazeBatch, World
from maze_interp.tokens import Tokenizer

TOKENIZER = Tokenizer("adjacency_list", 5, 5, "corner_first")
BATCH = mazes.draw(World("depth_first", 5, 5, {}, 2), 40, seed=0)
TOKENS = TOKENIZER.encode(BATCH, mazes.solve(BATCH), seed=0)
TEXTS = [text.split() for text in TOKENIZER.text(TOKENS)]
PATHS = [text[text.index("<PATH_START>") + 1 : -1] for text in TEXTS]


def answers(name: str, seed: int = 0) -> list[str | None]:
    where = positions(name, TOKENS, seed=seed)
    return [None if at == NO_POSITION else text[at + 1] for text, at in zip(TEXTS, where, strict=True)]


def corridors(lengths: list[int]) -> tuple[MazeBatch, mazes.PathBatch]:
    """Mazes on one row of cells, walked from the left end over so many cells."""
    passages = np.zeros((len(lengths), 2, 1, max(lengths)), dtype=bool)
    passages[:, mazes.RIGHT, 0, :-1] = True
    batch = MazeBatch(passages, np.zeros(len(lengths), int), np.array(lengths) - 1)
    return batch, mazes.solve(batch)


def test_fixed_tasks_ask_for_what_they_name():
    assert answers("path_start") == ["<PATH_START>"] * 40
    assert answers("origin_after_path_start") == [path[0] for path in PATHS]
    assert answers("first_path_choice") == [path[1] for path in PATHS]
    assert answers("final_before_path_end") == [path[-1] for path in PATHS]
    assert answers("path_end") == ["<PATH_END>"] * 40


def test_random_tasks_ask_within_their_span():
    """The published spans: a cell other than the goal; a cell with two path cells on either side."""
    asked = {path_length: set() for path_length in map(len, PATHS)}
    for seed in range(20):
        for path, any_, middle in zip(
            PATHS, answers("rand_path_token", seed), answers("rand_path_token_nonend", seed), strict=True
        ):
            assert any_ in path[:-1]
            assert middle in path[2:-2] if len(path) >= 5 else middle is None
            asked[len(path)].add(path.index(any_))
    assert any(steps == set(range(length - 1)) for length, steps in asked.items()), "every step of some path is asked"


@pytest.mark.parametrize(("name", "steps"), [("rand_path_token", range(6)), ("rand_path_token_nonend", range(2, 5))])
def test_random_tasks_ask_for_every_step_alike(name, steps):
    """3000 corridors of seven cells: each step's count within 5 sigma of its share (error rate < 4e-6)."""
    batch, solutions = corridors([7] * 3000)
    tokens = Tokenizer("adjacency_list", 1, 7).encode(batch, solutions, seed=0)
    where = positions(name, tokens, seed=0)
    asked, counts = np.unique(tokens.cell[np.arange(3000), where + 1], return_counts=True)
    assert asked.tolist() == list(steps)
    share = 1 / len(steps)
    assert np.abs(counts - 3000 * share).max() < 5 * np.sqrt(3000 * share * (1 - share))


def test_mazes_too_short_for_a_task_are_left_out():
    batch, solutions = corridors([2, 4, 5, 7])
    tokenizer = Tokenizer("adjacency_list", 1, 7)
    tokens = tokenizer.encode(batch, solutions, seed=0)
    assert (positions("rand_path_token_nonend", tokens, seed=0) == NO_POSITION).tolist() == [True, True, False, False]
    logits = np.eye(tokenizer.vocabulary.size)[np.roll(tokens.ids, -1, axis=1)]
    assert [row.n for row in score_tasks(logits, tokens, seed=0)] == [4, 4, 4, 4, 2, 4, 4]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_asks_maze_by_maze(name):
    part = positions(name, TOKENS[10:20], seed=3, first=10)
    np.testing.assert_array_equal(part, positions(name, TOKENS, seed=3)[10:20])


def test_perfect_logits_solve_every_task_and_blank_ones_none():
    perfect = np.eye(TOKENIZER.vocabulary.size, dtype=np.float32)[np.roll(TOKENS.ids, -1, axis=1)]
    rows = score_tasks(perfect, TOKENS, seed=0)
    assert [(row.measure, row.value) for row in rows] == [(name, 1.0) for name in TASKS]
    assert {row.value for row in score_tasks(np.zeros_like(perfect), TOKENS, seed=0)} == {0.0}


def test_bad_questions_are_refused():
    with pytest.raises(ValueError, match="unknown task 'path_strat'; did you mean 'path_start'"):
        positions("path_strat", TOKENS, seed=0)
    with pytest.raises(ValueError, match="sequence 0 has no path of two or more cells closed by <PATH_END>"):
        positions("path_end", TOKENIZER.encode_prompts(BATCH, seed=0), seed=0)


@pytest.mark.parametrize("scheme", ["coordinate_tuples", "directions", "turns"])
def test_a_path_of_other_tokens_is_asked_for_its_ends_alone(scheme):
    tokenizer = Tokenizer(scheme, 5, 5)
    tokens = tokenizer.encode(BATCH, mazes.solve(BATCH), seed=0)
    perfect = np.eye(tokenizer.vocabulary.size, dtype=np.float32)[np.roll(tokens.ids, -1, axis=1)]
    rows = score_tasks(perfect, tokens, seed=0)
    assert [(row.measure, row.value, row.n) for row in rows] == [("path_start", 1, 40), ("path_end", 1, 40)]
    with pytest.raises(ValueError, match="first_path_choice asks for a cell as one token; the path of sequence 0 is"):
        score_tasks(perfect, tokens, seed=0, tasks=["first_path_choice"])


@pytest.mark.parametrize("scheme", ["walls", "no_target", "edges_last", "target_first"])
def test_other_prompts_are_asked_the_same(scheme):
    tokenizer = Tokenizer(scheme, 5, 5)
    tokens = tokenizer.encode(BATCH, mazes.solve(BATCH), seed=0)
    perfect = np.eye(tokenizer.vocabulary.size, dtype=np.float32)[np.roll(tokens.ids, -1, axis=1)]
    rows = score_tasks(perfect, tokens, seed=0)
    assert [row.measure for row in rows] == list(TASKS)
    assert {row.value for row in rows} == {1.0}
