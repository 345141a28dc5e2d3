"""The further parts of tracing a choice, on a model whose answer passes one known position and two known heads."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import patching
from maze_interp.experiments import trace_decision
from maze_interp.experiments import trace_decision_parts as parts
from maze_interp.experiments import trace_decision_parts_page as page
from maze_interp.mazes import lattice
from maze_interp.models import Site
from maze_interp.tables import Row
from tests import handset


@pytest.fixture(scope="module")
def relay():
    model, pairs = handset.relay(), handset.goals_beside_forks(6)
    return model, pairs, trace_decision._swept(model, pairs, "denoise").sweeps


def test_equal_mazes_have_one_name(relay):
    """Their intervals count each maze once, however often it was drawn."""
    _, pairs, _ = relay
    twice = pairs[np.tile(np.arange(len(pairs)), 2)]
    twice = replace(twice, maze=np.arange(len(twice)))
    named = trace_decision._by_passages(twice).maze
    assert len(np.unique(named)) == len({one.tobytes() for one in pairs.mazes.passages})
    np.testing.assert_array_equal(named[: len(pairs)], named[len(pairs) :])


def test_progress_comes_to_the_end_with_the_last_part(relay):
    model, pairs, _ = relay
    edit, told = trace_decision.Side(pairs, relay[2]), []
    settings = trace_decision.Settings(steps=1, ablated=4)
    found = trace_decision.findings(edit, edit, np.arange(len(pairs)), settings)
    trace_decision._with_parts(found, model, edit, settings, 0, lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[0] > 2 * len(trace_decision.KINDS) / trace_decision.STAGES
    assert told[-1] == 1.0


def test_the_slots_of_a_prompt_are_the_edges_of_its_maze(relay):
    _, pairs, _ = relay
    number, place = parts._numbered(pairs)
    for pair, passages in enumerate(lattice.flat(pairs.mazes.passages)):
        assert sorted(number[:, pair]) == np.flatnonzero(passages).tolist()
    assert (place.sum(axis=2) == 4).all()
    assert (place.sum(axis=0) <= 1).all()


def test_no_edge_carries_what_the_goal_says(relay):
    model, pairs, _ = relay
    found = parts.edges(model, pairs, "denoise")
    assert found.layers == (1,)
    known = ~np.isnan(found.example[0])
    assert known.sum() == 8
    assert (abs(found.example[0, known]) < 1e-4).all()
    assert (abs(found.average[~np.isnan(found.average)]) < 1e-4).all()
    assert np.isfinite(found.average).any()
    assert set(page.edge_maps(found, pairs)) == {"edges_of_one_maze", "edges_on_average"}


def test_the_fork_looks_it_up_at_the_words_and_two_heads_are_missed(relay):
    model, pairs, _ = relay
    rows = parts.cuts(model, pairs, seed=0)
    lost = {(row.what["seen"], row.what["layer"]): row.value for row in rows if row.measure == "lost"}
    assert [cut for cut, value in lost.items() if abs(value) > 0.01] == [("words between the sections", 1)]
    assert lost["words between the sections", 1] == pytest.approx(0.5, abs=0.01)  # half way to the other answer: none
    assert page.about_cuts(rows)[0].endswith(": held.")
    assert {row.what["seen"] for row in rows if row.measure == "at random"} == {cut for cut, _ in lost} - {"edges"}
    ablated = parts.ablations(model, pairs, seed=0)
    missed = {(row.what["layer"], row.what["head"]) for row in ablated if row.what["site"] == "z" and row.low > 0.2}
    assert missed == {(0, 0), (1, 1)}
    assert "zero: " in page.about_losses(ablated)[0]


@pytest.mark.parametrize(
    ("words", "listed", "verdict"), [(0.2, 0.8, "not held"), (0.5, 0.5, "not told"), (0.8, 0.2, "held")]
)
def test_where_the_list_carries_more_the_words_are_not_said_to(relay, monkeypatch, words, listed, verdict):
    """A loss in proportion to what is hidden of either: nearly all of the prompt at random hides both."""
    model, pairs, _ = relay
    places, noise = patching.by_meaning(pairs), 0.05 * np.random.default_rng(0).standard_normal((10, len(pairs)))

    def knockout(_, pairs, looking, seen, **__):
        hidden = [
            (seen & kind).sum(axis=2) / kind.sum(axis=1)
            for kind in (places[list(which)].any(axis=0) for which in (parts.WORDS, parts.LISTED))
        ]
        loss = words * hidden[0] + listed * hidden[1] + noise[: len(seen)]
        zeros, site = np.zeros(len(pairs), np.float32), Site("pattern", 1, None)
        one = {parts.DIFFERENCE: -loss[None].astype(np.float32)}
        return patching.Sweep(
            "knockout", (site,), one, {parts.DIFFERENCE: zeros}, {parts.DIFFERENCE: zeros - 1}, np.zeros(1, int)
        )

    monkeypatch.setattr(patching, "knockout", knockout)
    (said,) = page.about_cuts(parts.cuts(model, pairs, seed=0))
    assert said.endswith(f": {verdict}.")


def test_as_many_others_are_drawn_outside_a_place(relay):
    _, pairs, _ = relay
    places = patching.by_meaning(pairs)
    before, words = places.any(axis=0), places[list(parts.WORDS)].any(axis=0)
    drawn = parts._others(words, before, 0)
    assert not (drawn & (words | ~before)).any()
    assert (drawn.sum(axis=1) == words.sum(axis=1)).all()


def test_estimates_are_credited_only_with_what_is_read_and_could_differ(relay):
    """Two heads at one place each are left, and both carry all of it: there is nothing to rank."""
    model, pairs, sweeps = relay
    rows, heads = parts.estimates(model, sweeps, pairs, "denoise", steps=2)
    assert {row.what["estimate"] for row in rows} == set(parts.ESTIMATES)
    assert [row.what["sites and meanings"] for row in rows if row.what["site"] == "z"] == [2, 2, 2]
    assert abs(heads["true"]).min() > 10
    assert page.about_estimates(rows) == ["Whether gradients rank heads as patching does could not be asked."]
    ends = {"integrated gradients": (0.7, 0.9), "one gradient": (0.2, 0.5), "size of the difference": (-0.1, 0.1)}
    told = [
        Row("rank correlation", (low + high) / 2, low, high, 9, {"site": "z", "estimate": name})
        for name, (low, high) in ends.items()
    ]
    (said,) = page.about_estimates(told)
    assert "0.80 (0.70 to 0.90) along the line" in said
    assert "the line is better: held." in said


def test_distance_is_asked_in_two_parts_or_said_not_to_be(relay):
    _, pairs, sweeps = relay
    rows = parts.by_distance(sweeps["resid_pre"], pairs)
    assert sum(row.what["layer"] == 0 for row in rows) <= 2
    assert all(row.value == pytest.approx(0.0, abs=1e-4) for row in rows)  # it is at the fork's token after both layers
    assert "could not be asked" in page.about_distance([])[0]


def _brought(layer: int, near: float, far: float) -> list[Row]:
    ends = {"up to 4": near, "above 4": far}
    return [
        Row("brought back", value, value - 0.02, value + 0.02, 9, {"layer": layer, "steps from the fork": steps})
        for steps, value in ends.items()
    ]


@pytest.mark.parametrize(
    ("values", "told", "verdict"),
    [
        ([(0.3, 0.2)], ["30% (28% to 32%)"], "held"),
        ([(0.2, 0.3)], ["20% (18% to 22%)"], "not held"),
        ([(0.3, 0.28)], ["30% (28% to 32%)"], "not told"),
        (
            [(0.3, 0.2), (0.1, 0.9)],
            ["layer 1", "30% (28% to 32%)", "layer 2", "10% (8% to 12%)"],
            "surely so in one layer and the other way round in another",
        ),
    ],
)
def test_the_layer_that_decides_is_told(values, told, verdict):
    rows = [row for layer, ends in enumerate(values, 1) for row in _brought(layer, *ends)]
    (said,) = page.about_distance(rows)
    assert said.endswith(f": {verdict}.")
    assert all(one in said for one in told)


def test_where_a_wide_interval_is_farthest_apart_the_sure_layer_is_told():
    wide = [
        Row("brought back", value, value - 0.9, value + 0.9, 9, {"layer": 2, "steps from the fork": steps})
        for steps, value in (("up to 4", 0.1), ("above 4", 0.9))
    ]
    (said,) = page.about_distance([*_brought(1, 0.3, 0.2), *wide])
    assert "layer 1" in said
    assert "layer 2" not in said
    assert said.endswith(": held.")
