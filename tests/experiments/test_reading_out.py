"""Lens and embeddings: depths end at the output, shares sum to the logit's difference, sentences state the numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import behaviour, mazes, training
from maze_interp.attention import embeddings as positions
from maze_interp.behaviour import neighbours, tasks
from maze_interp.experiments import attributions, embeddings, lens
from maze_interp.experiments.attributions import ALL, BEYOND, CHOOSING, LEGAL, SHARE, TOTAL
from maze_interp.mazes import World
from tests import tiny

SMALL = {"mazes": 40, "learn": 80, "steps": 40}


@pytest.fixture(scope="module")
def read(trained):
    said = []
    found = lens.run(lens.Settings(run=str(trained.folder), **SMALL), lambda *given: said.append(given))
    assert said[-1] == (80, 80)
    return found


def value(rows, measure, **what):
    (row,) = [row for row in rows if row.measure == measure and what.items() <= row.what.items()]
    return row


def test_the_last_depth_is_the_model_and_the_lens_is_no_worse_on_the_way(read, trained):
    rows = read.tables["lenses"]
    ends = [value(rows, "connected_mass", lens=name, depth=2) for name in (lens.LOGIT, lens.TUNED)]
    assert ends[0].value == pytest.approx(ends[1].value, abs=1e-6)
    for depth in range(2):
        tuned, logit = (value(rows, "loss", lens=name, depth=depth).value for name in (lens.TUNED, lens.LOGIT))
        assert tuned < logit + 0.05
    gaps = [row for row in rows if row.what["lens"] in (lens.BEYOND, lens.LEARNT)]
    assert {row.measure for row in gaps} == set(lens.MASSES)
    assert len(gaps) == 6 + 4
    assert "corrected for 10 comparisons" in read.sentences[1]
    last = [value(rows, "connected_mass", lens=name, depth=2).value for name in (lens.LEARNT, lens.TUNED)]
    assert last[0] == pytest.approx(last[1] - value(rows, "connected_mass", lens=lens.TUNED, depth=0).value)
    assert all(row.low <= row.value <= row.high for row in gaps)
    assert f"{read.numbers['connected_mass, tuned lens, depth 2']:.3f} at the end" in read.sentences[0]
    assert "masses" in read.figures


def test_which_mass_comes_first_is_judged_by_an_interval(read):
    (order,) = read.tables["order"]
    assert order.low <= order.value <= order.high
    verdict = "as predicted" if order.low > 0 else "not as predicted" if order.high <= 0 else "do not tell"
    assert f"{order.value:+.0f} later ({order.low:+.0f} to {order.high:+.0f}), " in read.sentences[0]
    assert verdict in read.sentences[0]
    title = str(read.figures["masses"].layout.title.text)
    assert ("do not tell" in title) == (order.low <= 0 < order.high)


def test_shares_sum_to_the_difference_and_layers_to_their_parts(read, trained):
    rows = read.tables["attribution"]
    for against in (LEGAL, ALL):
        mine = [row for row in rows if row.measure == SHARE and row.what["against"] == against]
        of_task = {row.what["part"]: row.value for row in mine if row.what["task"] == "first_path_choice"}
        total = of_task.pop(TOTAL)
        layers = {part: share for part, share in of_task.items() if ":" in part}
        parts = {part: share for part, share in of_task.items() if ":" not in part}
        assert sum(parts.values()) == pytest.approx(total, abs=1e-6)
        assert len(layers) == 2
        one = sum(share for part, share in parts.items() if part.startswith("layer 0 "))
        assert layers["layer 0: all"] == pytest.approx(one, abs=1e-6)
    assert f"{value(rows, SHARE, task=CHOOSING, against=ALL, part=TOTAL).value:.2f} above" in read.sentences[-1]
    parts = len([row for row in mine if row.what["task"] == CHOOSING])
    assert f"Intervals are widened for {parts} parts" in read.sentences[-1]


def test_where_every_maze_has_one_answer_there_is_no_control_and_without_choice_no_row(read):
    rows = read.tables["attribution"]
    assert {row.what["task"] for row in rows if row.what["against"] == ALL} == set(tasks.TASKS)
    assert not [row for row in rows if row.measure == BEYOND and row.what["task"] in ("path_start", "path_end")]
    assert not [row for row in rows if row.what["task"] == "path_start" and row.what["against"] == LEGAL]
    full, forked = (value(rows, SHARE, task="first_path_choice", against=one, part=TOTAL) for one in (ALL, LEGAL))
    assert forked.n < full.n == SMALL["mazes"]


def test_the_total_is_the_logits_own_difference(trained):
    model = trained.model()
    drawn = mazes.draw(World("percolation", 3, 3, {"p": 0.8}), 30, seed=0)
    solutions = mazes.solve(drawn, seed=0)
    tokens = model.maze_tokenizer.encode(drawn, solutions, seed=0)
    rows = attributions.attribution_rows(model, drawn, tokens, seed=0)
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens.ids).long()).numpy()
    where = tasks.positions("first_path_choice", tokens, seed=0)
    gaps = {LEGAL: [], ALL: []}
    around = neighbours.connected(drawn.passages)
    ids = model.maze_tokenizer.vocabulary.ids_on(3, 3)
    for maze, position in enumerate(where):
        row, answer = logits[maze, position], tokens.ids[maze, position + 1]
        legal = [ids[cell] for cell in around[maze, drawn.start[maze]] if cell != mazes.NO_CELL and ids[cell] != answer]
        gaps[ALL].append(row[answer] - np.delete(row, answer).mean())
        if legal:
            gaps[LEGAL].append(row[answer] - row[legal].mean())
    for against, wanted in gaps.items():
        total = value(rows, SHARE, task="first_path_choice", against=against, part=TOTAL)
        assert total.n == len(wanted)
        assert total.value == pytest.approx(np.mean(wanted), abs=1e-4)


def test_a_scheme_of_moves_is_read_as_far_as_it_goes(tmp_path):
    recipe = replace(tiny.QUICK, steps=1, model=replace(tiny.SHAPE, scheme="directions"))
    run = training.train(recipe, tmp_path / "moves")
    found = lens.run(lens.Settings(run=str(run.folder), mazes=10, learn=20, steps=2))
    assert {row.what["task"] for row in found.tables["attribution"]} == set(behaviour.tasks.OF_NO_CELL)
    assert "masses" in found.figures
    spelled = replace(tiny.QUICK, steps=1, model=replace(tiny.SHAPE, scheme="coordinates"))
    run = training.train(spelled, tmp_path / "spelled")
    found = lens.run(lens.Settings(run=str(run.folder), mazes=10, learn=20, steps=2))
    assert "does not write a move as one token" in found.sentences[0]
    with pytest.raises(ValueError, match="no tokens of their own"):
        embeddings.run(embeddings.Settings(run=str(run.folder), mazes=10))


def test_every_matrix_stands_beside_its_controls(trained):
    said = []
    found = embeddings.run(embeddings.Settings(run=str(trained.folder), mazes=30), lambda *given: said.append(given))
    assert said[-1] == (6, 6)
    rows = found.tables["measures"]
    conditions = {(row.what["matrix"], row.what["network"], row.what["cells"]) for row in rows}
    assert len(conditions) == 3 * 2 * 2
    assert {row.measure for row in rows if row.what["matrix"] == "tokens"} == set(embeddings.MEASURES)
    assert not [row for row in rows if row.what["matrix"] == "positions" and "walking" in row.measure]
    r = found.numbers["Manhattan distance of tokens, trained"]
    assert f"r = {r:.3f}" in found.sentences[0]
    assert found.sentences[-1].startswith("Walking distance")
    assert 0 < found.numbers["p of parity of unembedding"] <= 1
    chances = [value for name, value in found.numbers.items() if name.startswith("p of ")]
    beyond = sum(chance < 0.05 / len(chances) for chance in chances)
    assert found.figures["measures"].layout.title.text.startswith(f"{beyond} of {len(chances)} measures are beyond")
    assert set(found.figures) == {
        "measures",
        "components_of_positions",
        "spectrum_of_positions",
        *(f"{kind}_of_{name}" for kind in ("map", "spectrum") for name in ("tokens", "unembedding")),
    }
    lines = found.figures["components_of_positions"].data
    drawn = {line.name: line for line in lines if line.name and len(line.y) and "component" in line.name}
    assert len(drawn) == 2
    places, shares = positions.principal_components(positions.positions(trained.model(), len(lines[0].x)))
    assert sorted(float(abs(line.y[0])) for line in drawn.values()) == pytest.approx(sorted(abs(places[0]).tolist()))
    assert f"hold {shares.sum():.0%}" in found.figures["components_of_positions"].layout.title.text
    spectrum = found.figures["spectrum_of_positions"].data[0]
    assert sum(spectrum.y) == pytest.approx(1.0)
    low = next(row for row in rows if (row.what["matrix"], row.measure) == ("positions", "low frequencies"))
    assert spectrum.y[1] == pytest.approx(low.value)
