"""The estimator against the definition spelled out, against known truths, and against what it must not depend on."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import optimisation
from maze_interp.optimisation import MEASURES, Estimate, of_acts, of_matrix, split_history
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
    """As the sample has them: what the definition and its bounds speak of."""
    return [estimate.plug_in[name] for name in MEASURES]


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
            plain = found.plug_in
            assert plain["imp"] >= -1e-12
            assert np.isnan(plain["excess_imp"]) or plain["excess_imp"] >= -1e-9


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
    assert abs(corrected[0].plug_in["op"] - corrected[1].plug_in["op"]) <= (K - 1) / (4 * len(out)) + 1e-9


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
    part = history.only(chosen)
    return of_acts(part.table[kept], act, history.outcomes)


def test_resamples_are_samples_with_replacement():
    """Draws of 20 histories against draws by hand: means and spreads agree within their errors."""
    rng = np.random.default_rng(0)
    history = of_acts(rng.integers(0, K, (3, 20)), rng.integers(0, 3, 20), K)
    asked = Question(GOOD, "plug_in", 0.5)
    fast = resampled(history, asked, 1000, seed=0)
    slow = np.stack([whole(history.only(rng.integers(0, 20, 20)), asked) for _ in range(400)], axis=1)
    error = slow.std(axis=1) / np.sqrt(280)
    assert (np.abs(fast.mean(axis=1) - slow.mean(axis=1)) < 4 * error).all()
    assert np.allclose(fast.std(axis=1), slow.std(axis=1), rtol=0.2)


def test_an_act_table_is_the_matrix_it_stands_for():
    rng = np.random.default_rng(0)
    history = of_acts(rng.integers(0, K, (5, 60)), rng.integers(0, 5, 60), K)
    one, other = split_history(history, good=(0,)), split_history(history.matrix(), outcomes=K, good=(0,))
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


@pytest.mark.parametrize(("resamples", "least"), [(0, 0.905), (300, 0.87)])
def test_intervals_cover_the_truth_about_95_times_in_100(resamples, least):
    """200 samples of 200: a share of 0.95 has a standard error of 0.0154, and 0.905 is 2.9 of them below.
    The bootstrap covers impact less often, in about 0.91."""
    factual = np.full(8, 0.2 / 8) + np.eye(8)[0] * 0.8
    op = float(np.log(8) - optimisation.entropy(factual))  # the split world is flat, whatever is done
    truths = {"op": op, "imp": op, "p": 0.85, "q": 0.25, "excess_op": op - optimisation.op_theory(0.85, 0.25)}
    rng, covered = np.random.default_rng(1), {name: [] for name in truths}
    for seed in range(200):
        found = split_history(thermostat(rng, 200), good=(0, 1), resamples=resamples, seed=seed)
        for name, truth in truths.items():
            low, high = found.intervals[name]
            covered[name].append(low <= truth <= high)
    assert {name: np.mean(hit) for name, hit in covered.items() if not least <= np.mean(hit) <= 0.995} == {}


def rescaling(rng, n, p, good=6):
    """A policy that succeeds with probability p and is indifferent otherwise: an act is the outcome, or a uniform one
    if the act is none. Its ratio of impact to its least value is 1, and the split world is flat."""
    right = rng.random(n) < p
    wanted = np.where(right, rng.integers(0, good, n), rng.integers(good, 8, n))
    state = rng.integers(0, 8, n)
    return of_acts((state + np.arange(8)[:, None]) % 8, (wanted - state) % 8, 8)


@pytest.mark.parametrize("p", [0.85, 0.95])
def test_repeats_are_of_no_bias_and_cover_impact_its_excess_and_the_ratio(p):
    """10 times 200 histories, 25 times over: coverage has a standard error of 0.044. Averaging what the samples have
    covers its excess never: it is 0.03 too high."""
    rng, g = np.random.default_rng(2), 0.75
    truths = {name: float(optimisation.op_theory(p, g)) for name in ("op", "imp")}
    truths |= {"excess_op": 0.0, "excess_imp": 0.0, "impact_ratio": 1.0, "p": p, "q": g}
    hits, plain = {name: [] for name in truths}, []
    for _ in range(25):
        found = optimisation.repeated([split_history(rescaling(rng, 200, p), good=range(6)) for _ in range(10)])
        for name, truth in truths.items():
            low, high = found.intervals[name]
            hits[name].append(low <= truth <= high)
            assert low <= getattr(found, name) <= high
        low, high = (end - found.excess_imp for end in found.intervals["excess_imp"])
        plain.append(low <= found.plug_in["excess_imp"] <= high)
    assert found.n == 2000
    assert np.mean(plain) == 0
    assert {name: np.mean(hit) for name, hit in hits.items() if np.mean(hit) < 0.82} == {}


def test_one_repeat_without_a_value_takes_the_mean_with_it_and_says_so():
    rng = np.random.default_rng(0)
    good, bad = (split_history(rescaling(rng, n, 0.9), good=range(6)) for n in (200, 4))
    found = optimisation.repeated([good, good, bad])
    assert bad.missing["imp"] == "a row of the comparison world lacks an outcome that occurs in fact"
    assert found.missing["impact_ratio"] == f"in 1 of 3 repeats: {bad.missing['imp']}"
    assert np.isfinite(found.op)
    assert not np.isfinite(found.imp)
    assert good.missing == {}
    with pytest.raises(ValueError, match="at least one"):
        optimisation.repeated([])


@settings(max_examples=25, deadline=None)
@given(matrices, st.sampled_from([0, 20]))
def test_a_value_lies_in_its_interval(out, resamples):
    found = split_history(out, outcomes=K, good=(0, 1), pseudo_count=0.5, resamples=resamples)
    for name, (low, high) in found.intervals.items():
        assert np.isnan(low) or low - 1e-12 <= getattr(found, name) <= high + 1e-12
    for name in ("p", "q"):
        low, high = found.intervals[name]
        assert 0 <= low <= high <= 1


def test_shares_near_their_ends_are_not_certain():
    """All of 50 histories succeed: Wilson's interval, not a point."""
    found = split_history(of_acts(np.zeros((1, 50), int), np.zeros(50, int), 2), good=(0,))
    assert found.p == found.q == 1
    assert found.intervals["p"] == found.intervals["q"] == (pytest.approx(50 / (50 + 1.96**2), abs=1e-3), 1)


@settings(max_examples=25, deadline=None)
@given(matrices, st.integers(0, 2**32 - 1))
def test_a_constant_policy_optimises_nothing(table, seed):
    """Whatever the environment does: the act is the same in both worlds."""
    found = split_history(of_acts(table[:1], np.zeros(len(table), int), K), good=(0, 1), pseudo_count=0.0)
    assert (found.op, found.imp, found.plug_in["op"], found.plug_in["imp"]) == (0, 0, 0, 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=2, max_size=4))
def test_a_policy_that_ignores_the_past_at_random_has_minus_what_its_act_tells_of_the_outcome(counts):
    """Op = -I(A;F), exactly, of a sample in which each act meets every kind of history alike: kind k under act a gives
    outcome gives[a][k], and a history of each kind is met by each act."""
    gives = np.array(counts) % K
    acts, kinds = gives.shape
    act, kind = np.repeat(np.arange(acts), kinds), np.tile(np.arange(kinds), acts)
    found = split_history(of_acts(gives[:, kind], act, K))
    told = np.stack([np.bincount(row, minlength=K) for row in gives]) / gives.size
    information = (
        optimisation.entropy(told.sum(axis=0))
        + optimisation.entropy(told.sum(axis=1))
        - optimisation.entropy(told.ravel())
    )
    assert found.plug_in["op"] == pytest.approx(-information, abs=1e-12)


def test_another_world_is_compared_history_by_history():
    rng = np.random.default_rng(0)
    factual, other = rng.choice(4, 500, p=[0.7, 0.1, 0.1, 0.1]), rng.integers(0, 4, 500)
    found = optimisation.compared(factual, other, outcomes=4, good=(0,))
    share, base = (np.bincount(world, minlength=4) / 500 for world in (factual, other))
    assert found.plug_in["op"] == pytest.approx(float(optimisation.entropy(base) - optimisation.entropy(share)))
    assert found.plug_in["imp"] == pytest.approx(float(optimisation.kl(share, base)))
    assert (found.p, found.q) == (pytest.approx(share[0]), pytest.approx(base[0]))
    assert found.intervals["imp"][0] < found.imp < found.intervals["imp"][1]
    same = optimisation.compared(factual, factual, outcomes=4, good=(0,))
    assert (same.op, same.imp) == (0, 0)


def test_a_row_that_lacks_what_happened_makes_the_impact_infinite_and_a_pseudo_count_does_not():
    out = np.array([[0, 1, 1], [0, 0, 1], [0, 1, 2]])
    plain = split_history(out, outcomes=3, good=(0,))
    assert (plain.imp, plain.intervals["imp"]) == (np.inf, pytest.approx((np.nan, np.nan), nan_ok=True))
    assert np.isfinite(plain.op)
    assert np.isfinite(split_history(out, outcomes=3, good=(0,), pseudo_count=0.5).imp)
    never = np.array([[0, 1], [1, 1]])
    assert np.isnan(split_history(never, outcomes=3, good=(2,)).impact_ratio)


def test_two_thousand_histories_take_no_cube_of_memory():
    """Less than a byte for each of N x N x K: chunks of the table are what is held."""
    out = np.random.default_rng(0).integers(0, 8, (2000, 2000), dtype=np.int8)
    tracemalloc.start()
    found = split_history(out, outcomes=8, good=(0, 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 2000 * 8
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
        (np.array([[0, 1], [1, 0]]), {"outcomes": 2, "good": ()}, "empty or everything"),
        (np.array([[0, 1], [1, 0]]), {"outcomes": 2, "good": (0, 1)}, "empty or everything"),
        (np.array([[0, 1], [1, 0]]), {"outcomes": 2, "good": (2,)}, r"good outcomes must be in 0..1"),
        (np.array([[0, 1], [1, 0]]), {"pseudo_count": -1.0}, "not negative"),
        (np.array([[0, 1], [1, 0]]), {"good": (0,)}, "depend on how many outcomes there are"),
        (np.array([[0, 1], [1, 0]]), {"pseudo_count": 0.5}, "depend on how many outcomes there are"),
        (of_acts(np.array([[0, 1]]), np.zeros(2, int)), {"good": (0,)}, "depend on how many outcomes there are"),
        (of_acts(np.array([[0, 1]]), np.zeros(2, int), 2), {"outcomes": 3}, "these histories have 2 outcomes, not 3"),
    ],
)
def test_what_cannot_be_asked_is_refused(out, asked, says):
    with pytest.raises(ValueError, match=says):
        split_history(out, **asked)


def test_rows_of_tables_carry_their_interval():
    found = split_history(np.random.default_rng(0).integers(0, 3, (30, 30)), outcomes=3, good=(0,))
    row = found.row("op", size="small")
    assert (row.value, row.low, row.high, row.n, row.what) == (found.op, *found.intervals["op"], 30, {"size": "small"})
    with pytest.raises(ValueError, match="did you mean 'op'"):
        found.row("opp")


@pytest.mark.parametrize(("degrees", "wanted"), [(1, 12.7062), (4, 2.7764), (9, 2.2622), (1000, 1.9623)])
def test_students_quantile(degrees, wanted):
    assert optimisation.student_t(degrees) == pytest.approx(wanted, abs=1e-3)


def test_without_blocks_is_the_jackknife_where_each_block_is_two_histories():
    """What each pair changes is what is measured without it; blocks of one history, or one block, are refused."""
    out = np.random.default_rng(0).integers(0, K, (12, 12))
    asked = {"outcomes": K, "good": (0, 1), "pseudo_count": 0.5}
    changed, plain = optimisation.without_blocks(out, 6, **asked), split_history(out, **asked).plug_in
    for block in range(6):
        rest = np.delete(np.arange(12), [2 * block, 2 * block + 1])
        without = split_history(out[np.ix_(rest, rest)], **asked).plug_in
        assert close([changed[name][block] for name in MEASURES], [without[name] - plain[name] for name in MEASURES])
    for blocks in (1, 7):
        with pytest.raises(ValueError, match=f"12 histories make 2 to 6 blocks, not {blocks}"):
            optimisation.without_blocks(out, blocks, **asked)
