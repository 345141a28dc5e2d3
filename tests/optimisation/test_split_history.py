"""The estimator against the definition spelled out, against known truths, and against what it must not depend on."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import optimisation
from maze_interp.optimisation import MEASURES, Estimate, of_acts, of_matrix, only, split_history
from maze_interp.optimisation.replicates import Question, resampled, whole, without_each
from tests import oracles

K = 4
matrices = st.integers(2, 12).flatmap(
    lambda n: st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, K, (n, n)))
)
GOOD = np.array([True, True, False, False])


def close(one, other):
    return np.allclose(one, other, atol=1e-9, equal_nan=True)


def measured(estimate: Estimate):
    return [getattr(estimate, name) for name in MEASURES]


@settings(max_examples=20, deadline=None)
@given(matrices, st.sampled_from([0.0, 0.5]))
def test_it_is_the_definition(out, pseudo_count):
    found = split_history(out, outcomes=K, good=(0, 1), pseudo_count=pseudo_count)
    assert close(measured(found)[:6], oracles.split_history(out, K, GOOD, pseudo_count))
    assert found.n == len(out)


@settings(max_examples=20, deadline=None)
@given(matrices)
def test_impact_is_at_least_the_least_for_every_task_and_pseudo_count(out):
    for good in ((0,), (0, 1), (0, 1, 2)):
        for pseudo_count in (0.0, 0.3):
            found = split_history(out, outcomes=K, good=good, pseudo_count=pseudo_count)
            assert found.imp >= -1e-12
            assert np.isnan(found.excess_imp) or found.excess_imp >= -1e-9


@settings(max_examples=20, deadline=None)
@given(matrices, st.permutations(range(K)))
def test_the_names_of_outcomes_do_not_matter(out, names):
    renamed = np.array(names)[out]
    good = [names[0], names[1]]
    assert close(
        measured(split_history(out, outcomes=K, good=(0, 1))), measured(split_history(renamed, outcomes=K, good=good))
    )


@settings(max_examples=20, deadline=None)
@given(matrices)
def test_histories_met_twice_change_nothing_but_the_stated_correction(out):
    twice = np.tile(out, (2, 2))
    assert close(measured(split_history(out, outcomes=K)), measured(split_history(twice, outcomes=K)))
    corrected = [split_history(o, outcomes=K, correction="miller_madow") for o in (out, twice)]
    assert abs(corrected[0].op - corrected[1].op) <= (K - 1) / (4 * len(out)) + 1e-9


@settings(max_examples=20, deadline=None)
@given(matrices)
def test_a_category_is_a_certain_distribution(out):
    certain = np.eye(K)[out]
    for name in ("good", "unasked"):
        asked = {"good": (0, 1)} if name == "good" else {}
        one, other = (split_history(o, **given, **asked) for o, given in ((out, {"outcomes": K}), (certain, {})))
        assert close(measured(one), measured(other))
        assert close(list(one.intervals.values()), list(other.intervals.values()))


@settings(max_examples=20, deadline=None)
@given(matrices, st.booleans(), st.booleans())
def test_leaving_one_out_is_doing_without_it(out, counted, by_acts):
    asked = Question(GOOD, "miller_madow" if counted else "plug_in", 0.25)
    table = out if counted else np.random.default_rng(0).dirichlet(np.ones(K), out.shape)
    history = of_matrix(table, K)
    if by_acts:
        history = of_acts(table[:2], out[0] % 2, K)
    if len(out) > 2:
        n = np.arange(len(out))
        wanted = [whole(only_table(history, n[n != one]), asked) for one in n]
        assert close(without_each(history, asked), np.stack(wanted, axis=1))


def only_table(history, chosen):
    """Without the rows that nobody leads to any more: they must not matter."""
    kept, act = np.unique(history.act[chosen], return_inverse=True)
    part = only(history, chosen)
    return of_acts(part.table[kept], act, history.outcomes)


def test_resamples_are_samples_with_replacement():
    """Draws of 20 histories against draws by hand: means and spreads agree within their errors."""
    rng = np.random.default_rng(0)
    history = of_acts(rng.integers(0, K, (3, 20)), rng.integers(0, 3, 20), K)
    asked = Question(GOOD, "plug_in", 0.5)
    fast = resampled(history, asked, 1000, seed=0)
    slow = np.stack([whole(only(history, rng.integers(0, 20, 20)), asked) for _ in range(400)], axis=1)
    error = slow.std(axis=1) / np.sqrt(280)
    assert (np.abs(fast.mean(axis=1) - slow.mean(axis=1)) < 4 * error).all()
    assert np.allclose(fast.std(axis=1), slow.std(axis=1), rtol=0.2)


def test_an_act_table_is_the_matrix_it_stands_for():
    rng = np.random.default_rng(0)
    history = of_acts(rng.integers(0, K, (5, 60)), rng.integers(0, 5, 60), K)
    one, other = split_history(history, good=(0,)), split_history(optimisation.matrix(history), outcomes=K, good=(0,))
    assert close(measured(one), measured(other))
    assert close(list(one.intervals.values()), list(other.intervals.values()))


def test_ignoring_the_past_at_random_costs_what_the_act_tells_of_the_outcome():
    """Op = -I(A;F): the act is a fair coin, and the outcome is the act, flipped once in ten."""
    rng = np.random.default_rng(0)
    act, flipped = rng.integers(0, 2, 20_000), rng.random(20_000) < 0.1
    found = split_history(of_acts(np.stack([flipped, ~flipped]).astype(int), act))
    assert found.op == pytest.approx(-(np.log(2) - optimisation.binary_entropy(0.1)), abs=0.01)
    assert found.intervals["op"][0] < -(np.log(2) - optimisation.binary_entropy(0.1)) < found.intervals["op"][1]


def thermostat(rng, n, noise=0.2):
    """A policy that answers a state in 0..7 with its negative; one outcome in five is uniform instead."""
    state, random = rng.integers(0, 8, n), rng.integers(0, 8, n)
    kept = rng.random(n) >= noise
    return of_acts(np.where(kept, (state + np.arange(8)[:, None]) % 8, random), -state % 8, 8)


@pytest.mark.parametrize("resamples", [0, 300])
def test_intervals_cover_the_truth_about_95_times_in_100(resamples):
    """120 samples of 200: the share covered has a standard error of 0.02 (0.95), so 0.88 leaves three and a half."""
    factual = np.full(8, 0.2 / 8) + np.eye(8)[0] * 0.8
    op = float(np.log(8) - optimisation.entropy(factual))  # the split world is flat, whatever is done
    truths = {"op": op, "imp": op, "p": 0.85, "q": 0.25, "excess_op": op - optimisation.op_theory(0.85, 0.25)}
    rng, covered = np.random.default_rng(1), {name: [] for name in truths}
    for seed in range(120):
        found = split_history(thermostat(rng, 200), good=(0, 1), resamples=resamples, seed=seed)
        for name, truth in truths.items():
            low, high = found.intervals[name]
            covered[name].append(low <= truth <= high)
    assert {name: np.mean(hit) for name, hit in covered.items() if np.mean(hit) < 0.88} == {}


def test_repeats_are_averaged_and_their_interval_covers():
    """10 times 200 histories, 30 times over: coverage has a standard error of 0.04."""
    rng, hits = np.random.default_rng(2), []
    truth = float(np.log(8) - optimisation.entropy(np.full(8, 0.2 / 8) + np.eye(8)[0] * 0.8))
    for _ in range(30):
        found = optimisation.repeated([split_history(thermostat(rng, 200)) for _ in range(10)])
        hits.append(found.intervals["op"][0] <= truth + 0.002 <= found.intervals["op"][1])  # the bias that is left
    assert found.n == 2000
    assert np.mean(hits) >= 0.83
    with pytest.raises(ValueError, match="at least one"):
        optimisation.repeated([])


def test_another_world_is_compared_history_by_history():
    rng = np.random.default_rng(0)
    factual, other = rng.choice(4, 500, p=[0.7, 0.1, 0.1, 0.1]), rng.integers(0, 4, 500)
    found = optimisation.compared(factual, other, outcomes=4, good=(0,))
    share, base = (np.bincount(world, minlength=4) / 500 for world in (factual, other))
    assert found.op == pytest.approx(float(optimisation.entropy(base) - optimisation.entropy(share)))
    assert found.imp == pytest.approx(float(optimisation.kl(share, base)))
    assert (found.p, found.q) == (pytest.approx(share[0]), pytest.approx(base[0]))
    assert found.intervals["imp"][0] < found.imp < found.intervals["imp"][1]
    same = optimisation.compared(factual, factual, good=(0,))
    assert (same.op, same.imp) == (0, 0)


def test_a_row_that_lacks_what_happened_makes_the_impact_infinite_and_a_pseudo_count_does_not():
    out = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 2]])
    plain = split_history(out, good=(0,))
    assert (plain.imp, plain.intervals["imp"]) == (np.inf, pytest.approx((np.nan, np.nan), nan_ok=True))
    assert np.isfinite(plain.op)
    assert np.isfinite(split_history(out, good=(0,), pseudo_count=0.5).imp)
    never = np.array([[0, 1], [1, 1]])
    assert np.isnan(split_history(never, outcomes=3, good=(2,)).impact_ratio)


def test_two_thousand_histories_take_no_cube_of_memory():
    out = np.random.default_rng(0).integers(0, 8, (2000, 2000), dtype=np.int8)
    tracemalloc.start()
    found = split_history(out, good=(0, 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 2000 * 8 * 8 / 2
    assert abs(found.op) < 0.01


@pytest.mark.parametrize(
    ("out", "asked", "says"),
    [
        (np.zeros((1, 1), int), {}, "at least 2 histories"),
        (np.zeros((2, 2)), {}, "must be integers"),
        (np.array([[0, 1], [2, 3]]), {"outcomes": 3}, r"outcomes must be in 0..2, and range from 0 to 3"),
        (np.array([[0, -1], [0, 0]]), {}, "range from -1"),
        (np.full((2, 2, 3), 0.5), {}, "must be distributions"),
        (np.full((2, 2, 2), 0.5), {"outcomes": 3}, "no distributions over 3"),
        (np.full((2, 2, 2), 0.5), {"correction": "miller_madow"}, "correction is one of counts"),
        (np.array([[0, 1], [1, 0]]), {"good": ()}, "empty or everything"),
        (np.array([[0, 1], [1, 0]]), {"good": (0, 1)}, "empty or everything"),
        (np.array([[0, 1], [1, 0]]), {"good": (2,)}, r"good outcomes must be in 0..1"),
        (np.array([[0, 1], [1, 0]]), {"pseudo_count": -1.0}, "not negative"),
    ],
)
def test_what_cannot_be_asked_is_refused(out, asked, says):
    with pytest.raises(ValueError, match=says):
        split_history(out, **asked)


def test_rows_of_tables_carry_their_interval():
    found = split_history(np.random.default_rng(0).integers(0, 3, (30, 30)), good=(0,))
    row = found.row("op", size="small")
    assert (row.value, row.low, row.high, row.n, row.what) == (found.op, *found.intervals["op"], 30, {"size": "small"})
    with pytest.raises(ValueError, match="did you mean 'op'"):
        found.row("opp")


@pytest.mark.parametrize(("degrees", "wanted"), [(1, 12.7062), (4, 2.7764), (9, 2.2622), (1000, 1.9623)])
def test_students_quantile(degrees, wanted):
    assert optimisation.student_t(degrees) == pytest.approx(wanted, abs=1e-3)
