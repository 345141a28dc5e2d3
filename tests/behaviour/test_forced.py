"""Teacher forcing read off logits whose answers are known: all-knowing, ignorant and wrong in one place."""

import numpy as np
import pytest

from maze_interp import behaviour, mazes
from maze_interp.behaviour import predictions, score_forced, step_accuracy
from maze_interp.behaviour.forced import FORCED
from maze_interp.mazes import World
from maze_interp.tokens import Tokenizer

TOKENIZER = Tokenizer("adjacency_list", 6, 6)
VOCABULARY = TOKENIZER.vocabulary
BATCH = mazes.draw(World("depth_first_percolation", 4, 5, {"p": 0.2}, 3), 25, seed=0)
SOLUTIONS = mazes.solve(BATCH)
TOKENS = TOKENIZER.encode(BATCH, SOLUTIONS, seed=0)


def knowing(tokens=TOKENS, certainty: float = 50.0) -> np.ndarray:
    """Logits that put nearly everything on the token that follows."""
    return certainty * np.eye(VOCABULARY.size, dtype=np.float32)[np.roll(tokens.ids, -1, axis=1)]


def values(logits: np.ndarray) -> dict[str, np.ndarray]:
    made = predictions(logits, TOKENS)
    return {name: metric(made, BATCH, TOKENIZER) for name, metric in FORCED.items()}


def test_perfect_logits_are_perfect():
    rows = {row.measure: row for row in score_forced(predictions(knowing(), TOKENS), BATCH, TOKENIZER, seed=0)}
    assert list(rows) == list(FORCED)
    assert rows.pop("loss").value == pytest.approx(0, abs=1e-12)
    assert {row.value for row in rows.values()} == {1.0}
    assert rows["every_token"].n == 25
    assert rows["fork_accuracy"].n == behaviour.decision_points(BATCH, SOLUTIONS).any(axis=1).sum()


def test_ignorant_logits_spread_evenly():
    """The mass on neighbours is their number over the vocabulary, averaged over the cells before the goal."""
    found = values(np.full((*TOKENS.ids.shape, VOCABULARY.size), 3.5, np.float32))
    degrees = mazes.degrees(BATCH.passages)
    lattice = mazes.degrees(mazes.generate("open_field", 1, 4, 5, seed=0))[0]
    for i in range(len(BATCH)):
        on_the_way = SOLUTIONS.cells[i, : SOLUTIONS.length[i] - 1]
        assert found["connected_mass"][i] == pytest.approx(degrees[i, on_the_way].mean() / VOCABULARY.size, rel=1e-12)
        assert found["adjacent_mass"][i] == pytest.approx(lattice[on_the_way].mean() / VOCABULARY.size, rel=1e-12)
    np.testing.assert_allclose(found["loss"], np.log(VOCABULARY.size))
    assert not found["every_token"].any()


def test_logits_and_log_probabilities_say_the_same():
    logits = np.random.default_rng(0).normal(size=(*TOKENS.ids.shape, VOCABULARY.size)).astype(np.float32)
    log_p = logits - np.log(np.exp(logits.astype(float)).sum(axis=-1, keepdims=True))
    for left, right in zip(values(logits).values(), values(log_p).values(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5)
    with_loss = values(logits)["loss"][0]
    at = np.flatnonzero(TOKENS.graded[0])
    assert with_loss == pytest.approx(-log_p[0, at, TOKENS.ids[0, at + 1]].mean(), rel=1e-6)


def test_one_wrong_step_is_found():
    """Of maze 3 the second cell is mistaken for an invalid token: one step of one maze, and nothing else, suffers."""
    logits = knowing()
    opening = int(TOKENS.graded[3].argmax())
    logits[3, opening + 1] = np.eye(VOCABULARY.size)[0]
    found = values(logits)
    assert found["token_accuracy"][3] == pytest.approx(1 - 1 / (SOLUTIONS.length[3] + 1))
    assert (np.flatnonzero(~found["every_token"]) == [3]).all()
    others = np.arange(25) != 3
    assert (found["token_accuracy"][others] == 1).all()
    rows = step_accuracy(predictions(logits, TOKENS), model="none")
    assert [row.what["step"] for row in rows] == list(range(SOLUTIONS.length.max() + 1))
    assert [row.value for row in rows[:3]] == pytest.approx([1, 24 / 25, 1])
    assert [row.n for row in rows] == [(SOLUTIONS.length + 1 > step).sum() for step in range(len(rows))]


def test_mass_on_closed_neighbours_is_adjacent_but_not_connected():
    """All mass on a random lattice neighbour per step: adjacent mass 1, connected mass the share of open ones."""
    around = behaviour.neighbours.adjacent(4, 5)
    connected = behaviour.neighbours.connected(BATCH.passages)
    logits, open_ = knowing(), np.zeros(len(BATCH))
    rng = np.random.default_rng(1)
    for i in range(len(BATCH)):
        opening, length = int(TOKENS.graded[i].argmax()), int(SOLUTIONS.length[i])
        for step, cell in enumerate(SOLUTIONS.cells[i, : length - 1]):
            target = rng.choice(around[cell][around[cell] >= 0])
            logits[i, opening + 1 + step] = 50 * np.eye(VOCABULARY.size)[VOCABULARY.ids_on(4, 5)[target]]
            open_[i] += (target in connected[i, cell]) / (length - 1)
    found = values(logits)
    np.testing.assert_allclose(found["adjacent_mass"], 1)
    np.testing.assert_allclose(found["connected_mass"], open_, atol=1e-12)


def test_at_a_fork_any_shortest_way_is_right():
    """In an open 2 x 2 lattice from corner to corner both first steps are right, though only one is written."""
    corner = mazes.MazeBatch(mazes.generate("open_field", 1, 2, 2, seed=0), np.array([0]), np.array([3]))
    path = mazes.PathBatch(np.array([[0, 1, 3]]), np.array([3]), np.array([mazes.END]))
    tokens = TOKENIZER.encode(corner, path, seed=0)
    logits = knowing(tokens)
    logits[0, int(tokens.graded[0].argmax()) + 1] = np.eye(VOCABULARY.size)[VOCABULARY.ids_on(2, 2)[2]]
    made = predictions(logits, tokens)
    assert FORCED["fork_accuracy"](made, corner, TOKENIZER).tolist() == [1]
    assert FORCED["token_accuracy"](made, corner, TOKENIZER).tolist() == [3 / 4]


@pytest.mark.parametrize("scheme", ["directions", "turns"])
def test_moves_are_asked_as_cells_are(scheme):
    """What a model knows of cells it says in moves: every metric of the same knowledge is the same.

    The knowledge is the next cell's, mixed with a neighbour's and one more token's, at random; logits of moves put on
    each move what logits of cells put on the cell it leads to.
    """
    tokenizer = Tokenizer(scheme, 6, 6)
    tokens = tokenizer.encode(BATCH, SOLUTIONS, seed=0)
    rng = np.random.default_rng(3)
    around = behaviour.neighbours.adjacent(4, 5)
    logits, moved = (np.full((*made.ids.shape, made_by.vocabulary.size), -50.0, np.float32) for made, made_by in
                     ((TOKENS, TOKENIZER), (tokens, tokenizer)))  # fmt: skip
    for i in range(len(BATCH)):
        cells = SOLUTIONS.cells[i, : SOLUTIONS.length[i]]
        ids = tokenizer.way_ids(cells[None], around[cells][None], 4, 5)[0]
        opening, opens = int(TOKENS.graded[i].argmax()), int(tokens.graded[i].argmax())
        logits[i, opening, VOCABULARY.ids_on(4, 5)[cells[0]]] = 50  # where moves begin is told
        for step, cell in enumerate(cells):
            weight = rng.normal(size=5)
            for way, there in enumerate(around[cell]):
                if there >= 0:
                    logits[i, opening + 1 + step, VOCABULARY.ids_on(4, 5)[there]] = weight[way]
                    moved[i, opens + step, ids[step, way]] = weight[way]
            logits[i, opening + 1 + step, VOCABULARY.ids["<PATH_END>"]] = weight[4]
            moved[i, opens + step, tokenizer.vocabulary.ids["<PATH_END>"]] = weight[4]
    made = predictions(moved, tokens)
    assert (made.asked.sum(axis=1) == SOLUTIONS.length).all()
    expected = values(logits)
    for name in ("every_token", "fork_accuracy", "adjacent_mass", "connected_mass"):
        np.testing.assert_allclose(FORCED[name](made, BATCH, tokenizer), expected[name], rtol=1e-6)
    assert 0 < np.nanmean(expected["fork_accuracy"]) < 1
    perfect = predictions(50.0 * np.eye(tokenizer.vocabulary.size)[np.roll(tokens.ids, -1, axis=1)], tokens)
    rows = score_forced(perfect, BATCH, tokenizer, seed=0)
    assert {row.value for row in rows if row.measure != "loss"} == {1.0}


@pytest.mark.parametrize("scheme", ["coordinates", "forks"])
def test_where_a_move_is_not_one_token_none_is_asked_for(scheme):
    tokenizer = Tokenizer(scheme, 6, 6)
    trees = mazes.draw(World("wilson", 4, 5, {}, 3), 5, seed=0)
    tokens = tokenizer.encode(trees, mazes.solve(trees), seed=0)
    made = predictions(50.0 * np.eye(tokenizer.vocabulary.size)[np.roll(tokens.ids, -1, axis=1)], tokens)
    rows = {row.measure: row.value for row in score_forced(made, trees, tokenizer, seed=0)}
    assert rows.keys() == {"every_token", "token_accuracy", "loss"}
    assert rows["every_token"] == rows["token_accuracy"] == 1
    with pytest.raises(ValueError, match=f"the scheme '{scheme}' does not write a move as one token"):
        score_forced(made, trees, tokenizer, seed=0, metrics=["adjacent_mass"])


def test_bad_questions_are_refused():
    prompts = TOKENIZER.encode_prompts(BATCH, seed=0)
    with pytest.raises(ValueError, match="sequence 0 has no path of two or more cells closed by <PATH_END>"):
        predictions(knowing(prompts), prompts)
    with pytest.raises(ValueError, match="unknown teacher-forced metric 'los'; did you mean 'loss'"):
        score_forced(predictions(knowing(), TOKENS), BATCH, TOKENIZER, seed=0, metrics=["los"])
