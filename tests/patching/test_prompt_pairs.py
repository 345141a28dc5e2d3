"""Two prompts of a pair differ in the one thing that was changed, and every position means what the text says."""

import numpy as np
import pytest

from maze_interp import mazes, patching
from maze_interp.mazes import NO_CELL, World
from maze_interp.patching.meanings import NOT_READ
from maze_interp.patching.pairs import NOISY
from maze_interp.tokens import EDGE, SPECIALS, Tokenizer

TOKENIZER = Tokenizer(rows=5, cols=5)
every_family = pytest.mark.parametrize("family", patching.FAMILIES)


@pytest.fixture(scope="module")
def forks():
    batch = mazes.draw(World("wilson", 4, 5), 40, seed=0)
    return batch, mazes.decisions(batch, mazes.solve(batch))


def made(forks, family: str, **options) -> patching.PromptPairs:
    return patching.FAMILIES[family](*forks, TOKENIZER, seed=0, **options)


def words(tokens, pair: int) -> list[str]:
    return TOKENIZER.text(tokens[pair : pair + 1])[0].split()


@every_family
def test_both_prompts_end_at_the_fork_and_differ(forks, family):
    pairs = made(forks, family)
    assert (pairs.clean.length == pairs.corrupted.length).all()
    assert (pairs.decision == pairs.clean.length - 1).all()
    assert (pairs.clean.ids != pairs.corrupted.ids).any(axis=1).all()
    assert (pairs.right != pairs.wrong).all()


@every_family
def test_right_is_a_step_of_the_shortest_path_and_wrong_is_not(forks, family):
    pairs = made(forks, family)
    step = pairs.clean.cell[np.arange(len(pairs)), pairs.decision]
    from_here = mazes.solve(mazes.MazeBatch(pairs.mazes.passages, step, pairs.mazes.goal)).cells[:, 1]
    tokens = TOKENIZER.vocabulary.cell_ids[:4, :5].reshape(-1)
    assert (tokens[from_here] == pairs.right).all()
    beside = mazes.distances(pairs.mazes.passages, step)
    wrong = np.array([np.flatnonzero(tokens == one)[0] for one in pairs.wrong])
    assert (beside[np.arange(len(pairs)), wrong] == 1).all()


def test_a_moved_passage_differs_in_one_slot_and_a_moved_goal_in_one_token(forks):
    passage, goal = made(forks, "moved_passage"), made(forks, "moved_goal")
    apart = passage.clean.ids != passage.corrupted.ids
    assert (passage.clean.part[apart] == EDGE).all()
    last = apart.shape[1] - 1 - apart[:, ::-1].argmax(axis=1)
    assert (last - apart.argmax(axis=1) <= 2).all()  # a <--> b
    assert ((goal.clean.ids != goal.corrupted.ids).sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("family", "flips"), [("moved_passage", True), ("moved_goal", True), ("control_passage", False)]
)
def test_the_corrupted_prompt_describes_the_maze_it_should(forks, family, flips):
    """Read back from its text, it is a tree whose right step is the rival's exactly if the family flips it."""
    pairs = made(forks, family)
    prompts = [text.partition("<PATH_START>") for text in TOKENIZER.text(pairs.corrupted)]
    again, _ = TOKENIZER.parse([before + at for before, at, _ in prompts], 4, 5)
    here = pairs.corrupted.cell[np.arange(len(pairs)), pairs.decision]
    right = mazes.solve(mazes.MazeBatch(again.passages, here, again.goal)).cells[:, 1]
    tokens = TOKENIZER.vocabulary.cell_ids[:4, :5].reshape(-1)
    expected = pairs.wrong if flips else pairs.right
    assert (tokens[right] == expected).all()


def test_a_moved_start_comes_to_the_fork_from_its_rival(forks):
    pairs = made(forks, "moved_start")
    last = pairs.corrupted.ids[np.arange(len(pairs)), pairs.decision - 1]
    assert (last == pairs.wrong).all()
    assert (
        pairs.clean.ids[np.arange(len(pairs)), pairs.decision]
        == pairs.corrupted.ids[np.arange(len(pairs)), pairs.decision]
    ).all()


def test_another_maze_is_the_prompt_of_another_maze_s_fork(forks):
    batch, decisions = forks
    pairs = made(forks, "other_maze")
    same = mazes.unedited(batch, decisions)
    order = TOKENIZER.draw_edge_order(batch.passages, seed=0)[same.maze]
    every = TOKENIZER.text(TOKENIZER.encode(same.base, same.led, edge_order=order))
    own = {(int(maze), text) for maze, text in zip(same.maze, every, strict=True)}
    clean, corrupted = TOKENIZER.text(pairs.clean), TOKENIZER.text(pairs.corrupted)
    for maze, text, other in zip(pairs.maze.tolist(), clean, corrupted, strict=True):
        assert (maze, text) in own
        assert {one for one, said in own if said == other} - {maze}


@pytest.mark.parametrize("part", NOISY)
def test_noise_strikes_one_part_and_keeps_its_form(forks, part):
    pairs = made(forks, "noise", part=part)
    struck = pairs.clean.ids != pairs.corrupted.ids
    assert (struck == ((pairs.clean.part == NOISY[part]) & (pairs.clean.cell != NO_CELL))).all()
    assert (pairs.corrupted.cell[struck] >= 0).all()


def test_controls_are_matched_and_do_not_flip(forks):
    edits = mazes.move_passage(*forks, seed=0)
    beside, of = patching.controls(edits, TOKENIZER, seed=0)
    pairs = patching.prompts("moved_passage", edits, TOKENIZER, seed=0)[of]
    assert (beside.distance == pairs.distance).all()
    assert (beside.right == pairs.right).all()
    assert (beside.wrong == pairs.wrong).all()


def test_positions_mean_what_the_text_says(forks):
    pairs = made(forks, "moved_passage")
    where = {name: pairs.meaning == index for index, name in enumerate(patching.MEANINGS)}
    for pair in range(len(pairs)):
        clean = words(pairs.clean, pair)
        said = {name: [clean[k] for k in np.flatnonzero(mask[pair])] for name, mask in where.items()}
        row = pairs.mazes[pair : pair + 1]
        assert all(said[word] == [word] for word in SPECIALS[:7])
        assert said["start"] == ["({},{})".format(*divmod(int(row.start[0]), 5))]
        assert said["goal"] == ["({},{})".format(*divmod(int(row.goal[0]), 5))]
        here = said["here"][0]
        assert clean[pairs.decision[pair]] == here
        assert len(said["changed edge"]) == 3
        degree = sum(here in (clean[k - 3], clean[k - 1]) for k, word in enumerate(clean) if word == ";")
        changed_here = here in said["changed edge"]
        assert len(said["edge at the fork"]) == 3 * (degree - changed_here)
        assert (pairs.meaning[pair, pairs.decision[pair] + 1 :] == NOT_READ).all()
        at = int(mazes.distances(row.passages, row.goal)[0, _cell(here)])
        on_the_way = len(said["; of an edge on the way"]) + len(said["; of the changed edge"])
        assert at - 1 <= on_the_way <= at  # all but the edge at the fork, and the changed one wherever it is


def _cell(word: str) -> int:
    row, col = word[1:-1].split(",")
    return int(row) * 5 + int(col)


def test_bad_input_is_refused(forks):
    batch, decisions = forks
    with pytest.raises(ValueError, match="part to put noise on"):
        made(forks, "noise", part="path")
    with pytest.raises(ValueError, match="nothing to align"):
        patching.prompts("turned", mazes.turn(batch, decisions, 1), TOKENIZER, seed=0)
    with pytest.raises(ValueError, match="one token a cell"):
        patching.FAMILIES["moved_goal"](batch, decisions, Tokenizer("directions", 5, 5), seed=0)
    with pytest.raises(ValueError, match="no pair"):
        patching.prompts("none", mazes.move_passage(batch, decisions, seed=0)[:0], TOKENIZER, seed=0)
    same = mazes.unedited(batch, decisions)
    with pytest.raises(ValueError, match="do not differ"):
        patching.prompts("same", same, TOKENIZER, seed=0)
