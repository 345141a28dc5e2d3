"""The toy learns what theory says at the speed it says; what is claimed of it is counted, and its control is clean."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import experiments, recipes
from maze_interp.experiments import s_curves, s_curves_page
from maze_interp.experiments.multi_component import LOSSES, Toy, growth, learn, matrices
from maze_interp.tables import Row
from maze_interp.training import plateaus

SMALL = s_curves.Settings(seeds=4, side=11, steps=200, sizes=(0.1, 0.01))
QUICK = {"seed": 0, "side": 12, "steps": 1500, "until": 1e-3}


@pytest.fixture(scope="module")
def found(trained):
    said = []
    findings = s_curves.run(replace(SMALL, runs=str(trained.folder)), lambda *given: said.append(given))
    assert said == [(done, 30) for done in range(1, 31)]
    return findings


@pytest.mark.parametrize("name", LOSSES)
def test_a_slope_is_what_autograd_computes(name):
    generator = torch.Generator().manual_seed(0)
    target, learned = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    learned.requires_grad_()
    value, slope = LOSSES[name](target)(learned)
    (wanted,) = torch.autograd.grad(value.sum(), learned)
    assert torch.allclose(slope, wanted, atol=1e-12)


def test_the_cross_entropy_is_the_divergence_and_zero_at_the_target():
    """As the comment has it (-sum p ln q over the whole matrix), less the target's own entropy, times the entries."""
    target, learned = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p, q = (each.exp() / each.exp().sum((1, 2), keepdim=True) for each in (target, learned))
    loss = LOSSES["softmax"](target)
    entropy = -(p * p.log()).sum((1, 2))
    assert torch.allclose(loss(learned)[0], 20 * (-(p * q.log()).sum((1, 2)) - entropy))
    assert (loss(target)[0] == 0).all()
    assert torch.allclose(loss(target + 3)[0], torch.zeros(3, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 0])
def test_targets_have_their_rank_and_unit_entries_and_item_i_is_its_own(rank):
    target, whole, start = matrices(200, 12, rank, seed=0)
    assert (np.linalg.matrix_rank(target) == (rank or 12)).all()
    assert np.square(target).mean() == pytest.approx(1, rel=0.15)
    assert (whole.shape, start.shape) == ((200, 12, 12), (200, 2, 12, rank or 12))
    later = matrices(3, 12, rank, seed=0, first=5)
    assert all((one[5:8] == other).all() for one, other in zip((target, whole, start), later, strict=True))


def test_gradient_descent_steps_down_its_gradient():
    """Against the obvious: one run, autograd, no batch."""
    toy = Toy(2, "softmax", "sgd", 0.002)
    curve = learn(toy, (0.5, 0.1), 3, seed=4, side=6, steps=5, until=0.0)[1, 2]
    target, _, start = (torch.tensor(each[2]) for each in matrices(3, 6, 2, seed=4))
    weights = [torch.nn.Parameter(0.1 * each) for each in start]
    wanted = []
    for _ in range(5):
        log_p, log_q = (z.flatten().log_softmax(0) for z in (target, weights[0] @ weights[1].T))
        loss = 36 * (log_p.exp() * (log_p - log_q)).sum()
        wanted.append(loss.item())
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.data -= 0.002 * slope
    assert np.allclose(curve, wanted, rtol=1e-4)


@pytest.mark.parametrize(("loss", "rate"), [("squared", 0.01), ("softmax", 0.002)])
def test_the_first_plateau_lengthens_as_theory_says(loss, rate):
    """The middle of four runs; one whose slope has two singular values alike needs a smaller start to settle on one."""
    toy = Toy(1, loss, "sgd", rate)
    early, late = learn(toy, (1e-3, 1e-4), 4, seed=1, side=12, steps=3000, until=0.3)
    clock = rate * np.arange(early.shape[1])
    first = [np.array([plateaus.find(each, clock)[0].end for each in curves]) for curves in (early, late)]
    gained = (first[1] - first[0]) * growth(toy, 4, seed=1, side=12)
    assert np.median(gained) == pytest.approx(np.log(10), rel=0.02)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 0.01), ("adam", 0.01)])
def test_one_component_never_waits_and_two_factors_do(loss, optimiser, rate):
    """The theorem for gradient descent on the squared loss, an observation for the others at this rate."""
    for factored in (True, False):
        toy = Toy(2, loss, optimiser, rate if optimiser == "adam" or loss == "squared" else 0.002, factored)
        (curves,) = learn(toy, (0.01,), 6, **QUICK)
        count = [
            len(plateaus.find(np.maximum(each, 1e-30), np.arange(float(len(each))), until=1e-3)) for each in curves
        ]
        assert min(count) >= 1 if factored else max(count) == 0


def test_learning_ends_when_all_have_reached_zero():
    toy = Toy(1, "squared", "adam", 0.03)
    curves = learn(toy, (0.1,), 3, **QUICK)
    assert curves.shape[2] < 400
    assert (curves.min(axis=2) <= 1e-3 * curves[..., 0]).all()


def test_a_rate_that_diverges_is_refused():
    with pytest.raises(ValueError, match="sgd at rate 5 does not stay finite on the squared loss"):
        learn(Toy(2, "squared", "sgd", 5.0), (0.1,), 2, **QUICK)


def test_every_claim_is_counted_with_its_control(found):
    claims = found.tables["claims"]
    assert {row.measure for row in claims} == set(s_curves_page.CLAIMS)
    assert all(row.n <= 4 for row in claims)
    assert {row.what["rank"] for row in found.tables["control"]} == {"one component"}
    assert len(found.tables["control"]) == 2 * 3 * 2
    assert len(found.tables["counts"]) == 4 * 30 * 2
    assert found.sentences[0].startswith("4 random matrices of each rank")
    shares = [row for row in claims if row.measure == s_curves_page.TWO]
    assert all(f"{row.value:.1%} ({row.low:.1%} to {row.high:.1%}, n 4)" in found.sentences[1] for row in shares)
    assert {"plateaus", "by_contrast", "curves_squared", "curves_softmax", "lengths", "mazes"} == set(found.figures)


def test_a_run_of_mazes_is_read_by_the_same_method(found, trained):
    known = plateaus.of_run(trained)
    assert found.numbers[f"{trained.folder.name}: plateaus"] == len(known)
    assert f"{trained.folder.name}, a run of mazes with {len(trained.metrics)} measurements" in found.sentences[-1]


@pytest.mark.parametrize(
    ("measure", "low", "high", "said"),
    [
        (s_curves_page.TWO, 0.6, 0.9, "as said"),
        (s_curves_page.TWO, 0.1, 0.4, "not so"),
        (s_curves_page.TWO, 0.4, 0.6, "undecided"),
        (s_curves_page.ZERO, 0.1, 0.4, "as said"),
        (s_curves_page.ZERO, 0.6, 0.9, "not so"),
        (s_curves_page.UNCHANGED, -0.4, 0.4, "as said"),
        (s_curves_page.UNCHANGED, 0.6, 0.9, "not so"),
        (s_curves_page.UNCHANGED, -0.6, 0.1, "undecided"),
        (s_curves_page.BUMPS[0], 0.1, 1.0, "as said"),
        (s_curves_page.BUMPS[1], -1.0, 0.0, "not so"),
        (s_curves_page.BUMPS[0], -0.1, 0.1, "undecided"),
        (s_curves_page.LONGER, 0.95, 1.05, "as said"),
        (s_curves_page.LONGER, 1.2, 1.5, "not so"),
    ],
)
def test_a_claim_is_judged_by_its_interval(measure, low, high, said):
    assert s_curves_page.verdict(Row(measure, (low + high) / 2, low, high, 9)) == said
    assert s_curves_page.verdict(Row(measure, float("nan"), low, high, 0)) == "undecided"


def test_it_repeats_itself_and_is_written_for_others(found, tmp_path):
    toy = next(s_curves.toys(SMALL))
    one, two = (s_curves.measure(toy, SMALL)[1] for _ in range(2))
    assert np.array_equal(one.curves, two.curves)
    kept = [row for row in found.tables["counts"] if row.what == one.what and row.measure == s_curves_page.COUNT]
    assert [row.value for row in kept] == [one.plateaus.mean()]
    folder = experiments.write(found, tmp_path / "s_curves", SMALL)
    assert recipes.load(s_curves.Settings, folder / "settings.toml") == SMALL
    assert json.loads((folder / "numbers.json").read_text())
    assert experiments.EXPERIMENTS["s_curves"] is s_curves


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 10}, "side must be above 10"),
        ({"seeds": 1}, "seeds must be at least 2"),
        ({"size": 0.5}, "sizes must be several, with size among them"),
        ({"sizes": (0.01,)}, "sizes must be several"),
        ({"until": 1.0}, "until must be between 0 and 1"),
        ({"adam_rates": ()}, "needs a rate for adam"),
        ({"runs": "nowhere"}, r"unknown model .* 'nowhere'"),
    ],
)
def test_settings_that_ask_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        s_curves.run(replace(SMALL, **changes))
