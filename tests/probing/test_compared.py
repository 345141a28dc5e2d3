"""What is claimed of sites and of steps ahead: surely so, surely not, or not told by the mazes."""

import numpy as np
import pytest

from maze_interp import probing
from maze_interp.models import Site
from maze_interp.probing import Fit, Probe, ProbeRecipe, ProbeResult, compared
from maze_interp.tables import Row

RNG = np.random.default_rng(0)
FIT = Fit(np.zeros((1, 1)), np.zeros(1), np.ones(1), np.zeros(1, dtype=bool))
SITES = [Site("resid_post", layer) for layer in range(3)]


def tried(name, validated):
    return {name: [(score, Probe(name, site, FIT, score)) for site, score in zip(SITES, validated, strict=True)]}


@pytest.mark.parametrize(("means", "verdict"), [((0.5, 0.8, 0.6), 1), ((0.5, 0.6, 0.8), -1), ((0.5, 0.7, 0.7), 0)])
def test_a_peak_before_the_last_site_is_told_where_mazes_tell_it(means, verdict):
    """The third differs by noise alone, whose interval leaves out 0 one time in twenty; the seed is fixed."""
    found = {
        ("model", f"resid_post:{layer}"): {"passage": mean + 0.1 * RNG.normal(size=300)}
        for layer, mean in enumerate(means)
    }
    (row,) = compared.claims(found, tried("passage", means), seed=0)
    assert (row.measure, row.what["site"], row.what["than"]) == (compared.EARLIER, "resid_post:1", "resid_post:2")
    assert row.value == pytest.approx(means[1] - means[2], abs=0.03)
    assert probing.sign(row) == verdict


@pytest.mark.parametrize(("fall", "verdict"), [(0.1, 1), (-0.1, -1), (0.0, 0)])
def test_a_fall_with_the_steps_ahead_is_told_on_mazes_that_have_both_ends(fall, verdict):
    """Mazes without the farther steps would tell the opposite: their nearer steps are told worse."""
    names = [f"ahead_{k}" for k in (2, 3, 4, 5)]
    short = np.arange(400) < 200
    model, cells, probes = {}, {}, {}
    for k, name in enumerate(names):
        each = 0.8 - fall * (k - 1.5) - 0.6 * short * fall + 0.1 * RNG.normal(size=400)
        model[name], cells[name] = (np.where(short & (k > 1), np.nan, part) for part in (each, np.full(400, 0.3)))
        probes |= {name: [(0.5, Probe(name, SITES[0], FIT, 0.5))]}
    found = {("model", "resid_post:0"): model, ("cells", ""): cells}
    (row,) = compared.claims(found, probes, seed=0)
    assert (row.measure, row.n) == (compared.NEARER, 200)
    assert row.value == pytest.approx(2 * fall, abs=0.03)
    assert probing.sign(row) == verdict


def test_a_fact_is_found_refuted_or_not_told():
    def result(*ends):
        rows = [
            Row(f"beyond {name}", (low + high) / 2, low, high, 50, {"target": "passage", "site": "resid_post:0"})
            for name, (low, high) in zip(("majority", "tokens"), ends, strict=True)
        ]
        return ProbeResult(ProbeRecipe(), [], rows, {})

    sure, unsure, none = (0.1, 0.2), (-0.1, 0.2), (-0.2, 0.0)
    results = [result(sure, other) for other in (sure, unsure, none)]
    assert [one.found("passage") for one in results] == [["resid_post:0"], [], []]
    assert [one.refuted("passage") for one in results] == [False, False, True]
