"""When did a curve change, and did one change before another?

A curve is the mean over mazes of what was measured at several points of a training run. The change is that of the ramp
that fits it best by least squares: one level up to its beginning, another from its end on, a straight line between; the
change point is the ramp's middle. Where begin and end lie within one gap between points, the whole gap is the ramp.

There is a change if the ramp explains more than the best ramps of the same points in other orders do (a permutation
test; whatever does not depend on the order is no change), if the levels differ in the bootstrap interval over mazes,
and if it gains more on a straight line than ramps do when what the line leaves changes its order: what only rises or
falls steadily has no point of change. Intervals tell how sure the mazes make it. They say nothing of another run, and
none is finer than the points are.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp import seeds, tables

PARTS = 4  # into which a gap between points is divided in the search for begin and end
ORDERS, CHANCE = 999, 0.05
PRECEDES, ACCOMPANIES, FOLLOWS, UNTOLD = "precedes", "accompanies", "follows", "cannot be told from"
Points = Float[np.ndarray, " point"]
Curves = Float[np.ndarray, "curve point"]


@dataclass(frozen=True)
class Change:
    """The best ramp's begin, middle and end, and from which level to which; `found` says whether it is a change.

    `low` and `high` bound the middle, `resampled` are the middles whose quantiles they are, one for each draw of mazes,
    and `gap` is the distance between the points about it, the larger one where there are two. `p` is the share of other
    orders that do as well, `p_straight` that of other orders of what a straight line leaves; `steady` is what differs
    with the order, and no more so than a straight line does.
    """

    found: bool
    steady: bool
    p: float
    p_straight: float
    begin: float
    middle: float
    end: float
    low: float
    high: float
    before: float
    after: float
    gap: float
    resampled: Float[np.ndarray, " draw"]


@dataclass(frozen=True)
class Order:
    """By how much one change comes after another (negative: before it), its interval, and what that amounts to."""

    lag: float
    low: float
    high: float
    verdict: str


def change_point(
    x: Points,
    values: Float[np.ndarray, "maze point"],
    *,
    seed: int,
    level: float = 0.95,
    chance: float = CHANCE,
    draws: int = 1000,
) -> Change:
    """The change of the mean over mazes along ascending x. Mazes are resampled alike for equal `seed` and number.

    NaN is what was not measured. `level` is that of the interval, for which there are more than `draws` where it is
    high; `chance` is how often either test may err, to be lowered where several curves are tested. Raises ValueError
    unless there are four points and x ascends.
    """
    if len(x) < 4 or (np.diff(x) <= 0).any():
        raise ValueError(f"a change needs four points or more in ascending order, not {x.tolist()}")
    begins, ends, ramps = _ramps(x)
    curves = _means(values, seed, tables.draws_for(level, draws))
    best, steps, _ = _fit(ramps, curves)
    middles, tail = (begins[best] + ends[best]) / 2, (1 - level) / 2
    low, high = np.quantile(middles[1:], [tail, 1 - tail])
    least, most = np.quantile(steps[1:], [tail, 1 - tail])
    p, p_straight = _as_good(ramps, curves[0], seed), _as_bent(ramps, x, curves[0], seed)
    differs = bool(p <= chance and (least > 0 or most < 0))
    before = curves[0].mean() - steps[0] * ramps[best[0]].mean()
    return Change(
        found=differs and p_straight <= chance,
        steady=differs and p_straight > chance,
        p=p,
        p_straight=p_straight,
        begin=float(begins[best[0]]),
        middle=float(middles[0]),
        end=float(ends[best[0]]),
        low=float(low),
        high=float(high),
        before=float(before),
        after=float(before + steps[0]),
        gap=_gap(x, float(middles[0])),
        resampled=middles[1:],
    )


def order(first: Change, second: Change, *, level: float = 0.95) -> Order:
    """Whether the first change precedes, accompanies or follows the second, both measured on the same mazes.

    It precedes or follows if it is farther away than the points about either are from each other and the interval
    leaves out 0, and accompanies if the whole interval lies within that gap. Anything else, and where one is no change,
    cannot be told.
    """
    lag, tail = first.middle - second.middle, (1 - level) / 2
    low, high = np.quantile(first.resampled - second.resampled, [tail, 1 - tail]).tolist()
    verdict, gap = UNTOLD, max(first.gap, second.gap)
    if first.found and second.found:
        apart = abs(lag) > gap and (high < 0 or low > 0)
        within = max(abs(low), abs(high)) <= gap
        verdict = (PRECEDES if lag < 0 else FOLLOWS) if apart else ACCOMPANIES if within else UNTOLD
    return Order(lag, low, high, verdict)


def _gap(x: Points, middle: float) -> float:
    """How far apart the points about a middle are; of a middle at a point, the larger gap beside it."""
    beside = (x[:-1] <= middle + 1e-9) & (middle - 1e-9 <= x[1:])
    return float(np.diff(x)[beside].max())


def _ramps(x: Points) -> tuple[Float[np.ndarray, " ramp"], Float[np.ndarray, " ramp"], Float[np.ndarray, "ramp point"]]:
    """(begins, ends, values at the points, from 0 to 1) of all ramps; of those alike at all points the widest."""
    fine = np.interp(np.arange(PARTS * (len(x) - 1) + 1) / PARTS, np.arange(len(x)), x)
    begin, end = (fine[place] for place in np.triu_indices(len(fine), 1))
    widest = np.argsort(begin - end, kind="stable")
    begin, end = begin[widest], end[widest]
    values = np.clip((x - begin[:, None]) / (end - begin)[:, None], 0.0, 1.0)
    _, kept = np.unique(values.round(9), axis=0, return_index=True)
    return begin[kept], end[kept], values[kept]


def _means(values: Float[np.ndarray, "maze point"], seed: int, draws: int) -> Curves:
    """The mean over mazes, and after it those of mazes resampled with replacement."""
    known, count = ~np.isnan(values), len(values)
    drawn = seeds.generator(seed, "change points").multinomial(count, np.full(count, 1 / count), size=draws)
    times = np.concatenate([np.ones((1, count)), drawn])
    return (times @ np.where(known, values, 0.0)) / np.maximum(times @ known, 1)


def _fit(
    ramps: Float[np.ndarray, "ramp point"], curves: Curves
) -> tuple[np.ndarray, Float[np.ndarray, " curve"], Float[np.ndarray, " curve"]]:
    """(which ramp fits each curve best, by how much it rises, the sum of squares that it explains)."""
    centred = ramps - ramps.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    along = (curves - curves.mean(axis=1, keepdims=True)) @ (centred / norms[:, None]).T
    best = np.abs(along).argmax(axis=1)
    chosen = along[np.arange(len(curves)), best]
    return best, chosen / norms[best], chosen**2


def _as_good(ramps: Float[np.ndarray, "ramp point"], curve: Points, seed: int) -> float:
    """The share of orders of the points, this one among them, in which some ramp explains as much."""
    rng = seeds.generator(seed, "orders")
    others = rng.permuted(np.broadcast_to(curve, (ORDERS, len(curve))), axis=1)
    explained = _fit(ramps, np.concatenate([curve[None], others]))[2]
    return float(np.mean(explained >= explained[0] * (1 - 1e-9) - _rounding(curve)))


def _as_bent(ramps: Float[np.ndarray, "ramp point"], x: Points, curve: Points, seed: int) -> float:
    """The share of orders of what a straight line leaves, this one among them, where ramps gain as much on a line."""
    along = (x - x.mean()) / np.linalg.norm(x - x.mean())

    def straight(curves: Curves) -> Curves:
        return curves.mean(axis=1, keepdims=True) + (curves @ along)[:, None] * along

    line = straight(curve[None])
    rest = np.broadcast_to(curve - line[0], (ORDERS, len(curve)))
    curves = np.concatenate([curve[None], line + seeds.generator(seed, "bends").permuted(rest, axis=1)])
    gained = _fit(ramps, curves)[2] - (curves @ along) ** 2
    return float(np.mean(gained >= gained[0] * (1 - 1e-9) - _rounding(curve)))


def _rounding(curve: Points) -> float:
    """A sum of squares that is nothing but rounding of means; how much of it there is depends on the machine."""
    return float((1e-12 * np.abs(curve).max()) ** 2 * len(curve))
