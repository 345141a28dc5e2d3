"""The halves of a circuit's mazes share none, and what is said of it follows from constructed rows."""

import re

import numpy as np
import pytest

from maze_interp import mazes, patching
from maze_interp.experiments import find_circuit
from maze_interp.experiments import find_circuit_page as page
from maze_interp.mazes import World
from maze_interp.patching import circuit
from maze_interp.tables import Row
from tests import handset, tiny

NUMBERS = {
    "pairs": 100.0,
    "mazes": 80.0,
    "wires": 200.0,
    "circuit": 40.0,
    "circuits_tried": 90.0,
    "kept_on_its_mazes": 0.9,
    "moves_by_nats": 3.0,
    "prefers_right_in_clean": 0.9,
    "completeness": 1.0,
    "rank_correlation_with_true_effects": 0.8,
    "accounted_for_on_others": 0.7,
    "right_leads_on_others": 0.9,
    "right_leads_by_the_circuit_alone": 0.8,
    "right_leads_in_corrupted": 0.1,
}
AGREED = Row("rank correlation", 0.8, 0.7, 0.9, 12)


def row(name, low, high, n=40):
    return Row("kept", (low + high) / 2, low, high, n, {"mazes": "others", "circuit": name, "wires": 40})


ROWS = {
    "found": row("found", 0.85, 0.95),
    "random wires": row("random wires", 0.0, 0.05),
    "with other heads": row("with other heads", -0.1, 0.3, 20),
}


def said(rows=(), agreement=AGREED, **numbers):
    by = ROWS | {one.what["circuit"]: one for one in rows}
    strongest = row("strongest wires", 0.7, 0.8)
    return page.sentences(by, strongest, [], agreement, NUMBERS | numbers, moved="a goal was moved", keep=0.9)


def verdicts(**changed):
    """Of: few wires, other mazes, random wires, other heads."""
    return re.findall(r"Predicted.*?: (held|refuted|not told)\.", " ".join(said(**changed)))


def test_halves_of_small_mazes_share_no_passages():
    """Of 60 mazes of 3 by 3 many come twice: by index both halves would hold some of the same."""
    model = tiny.model(1, layers=1)
    batch = mazes.draw(World("wilson", 3, 3), 60, seed=3)
    pairs = patching.FAMILIES["moved_goal"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )
    hashes = mazes.passage_hash(pairs.mazes.passages)

    def shared(some):
        first = find_circuit.halves(some, 0)
        assert 0.2 < first.mean() < 0.8
        return np.intersect1d(hashes[first], hashes[~first])

    assert len(shared(pairs)) > 0
    one = find_circuit.by_passages(pairs)
    assert len(shared(one)) == 0
    assert len(np.unique(one.maze)) == len(np.unique(hashes))
    assert (one.clean.ids == pairs.clean.ids).all()


def test_what_is_predicted_holds_where_the_rows_say_so():
    assert verdicts() == ["held", "held", "held", "held"]


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"circuit": 120.0}, "not told"),
        ({"rows": [row("found", 0.6, 0.95)]}, "not told"),
        ({"rows": [row("found", 0.2, 0.4)]}, "not told"),
    ],
)
def test_an_upper_bound_never_refutes_that_few_wires_are_enough(changed, verdict):
    assert verdicts(**changed)[0] == verdict


def test_the_other_predictions_can_be_refuted():
    refuted = [row("found", 0.5, 0.7), row("random wires", 0.2, 0.4), row("with other heads", 0.5, 0.9, 20)]
    assert verdicts(rows=refuted) == ["not told", "refuted", "refuted", "refuted"]
    unsure = [row("found", 0.7, 0.9), row("random wires", 0.05, 0.4), row("with other heads", 0.2, 0.9, 20)]
    assert verdicts(rows=unsure) == ["not told"] * 4


def test_of_few_ways_to_change_heads_nothing_is_told():
    assert verdicts(rows=[row("with other heads", 0.0, 0.1, 1)])[-1] == "not told"
    assert "1 distinct way" in " ".join(said(rows=[row("with other heads", 0.0, 0.1, 1)]))


def test_ways_to_change_heads_are_counted_once_and_the_work_ends():
    """The known mechanism: the one head of the circuit has two others, however often they are drawn."""
    model, pairs = handset.copier(), handset.goals_beside_forks()
    settings, told = find_circuit.Settings(draws=6), []
    found = find_circuit.findings(model, pairs, settings, 0, lambda *given: told.append(given))
    heads = [one for one in found.tables["kept"] if one.what["circuit"] == "with other heads"]
    assert [one.n for one in heads] == [2]
    assert told[-1] == (1000, 1000)
    assert told == sorted(told)
    assert found.numbers["circuit"] == 2


def test_scores_of_too_few_mazes_have_no_rank_correlation():
    nan = float("nan")
    assert "rank correlation 0.80 (0.70 to 0.90)" in said()[-1]
    assert "no rank correlation that can be told" in said(agreement=Row("rank correlation", nan, nan, nan, 2))[-1]


def test_scores_are_held_against_true_effects_with_a_pair_a_maze():
    model, pairs = handset.copier(), find_circuit.by_passages(handset.goals_beside_forks())
    twice = pairs[np.repeat(np.arange(len(pairs)), 2)]
    scores, on = patching.edge_scores(model, twice).values, circuit.bench(model, twice)
    found = find_circuit._agreement(model, find_circuit.Half(twice, scores, on))
    assert found.n == min(find_circuit.TESTED, len(np.unique(pairs.maze)))
    assert found.low <= found.value <= found.high
