"""What is said and drawn of one experiment asked of several networks."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from maze_interp import figures
from maze_interp.experiments.replicate_spread import CLEAR, IN, Spread, differing, doubtful, label
from maze_interp.tables import Row

DRAWN = 14  # measures in the picture
MAZES_ALONE = (
    0.834  # of two normal values of equal error, how often one lies in the other's 95% interval: P(|z| < 1.386)
)


def count(names: Sequence[str]) -> str:
    return "one network" if len(names) == 1 else f"{len(names)} networks"


def asked(names: Sequence[str], varied: Sequence[str] | None) -> str:
    """Who was asked, and what their recipes differ in; None where not all of these are known."""
    if len(names) == 1:
        return f"Asked was {names[0]} alone: whether another network would show the same cannot be told."
    if varied is None:
        return f"Asked were {', '.join(names)}."
    but = f"alike but for {', '.join(varied)}" if varied else "by one recipe with one seed"
    return f"Asked were {', '.join(names)}, trained {but}."


def apart(
    experiment: str,
    names: Sequence[str],
    compared: Sequence[Row],
    chance: Sequence[Row] | None,
    inflated: tuple[float, float, float],
) -> str:
    """How many measures differ, beside how many do where only mazes can, and whether that is as predicted; `inflated`
    is by how much the control spreads more than mazes explain, and between what."""
    if len(names) == 1:
        return f"`{experiment}` has {len(compared)} measures with intervals."
    found, beside = differing(compared), ""
    hidden = [row for row in compared if row.what["p (Holm)"] < CLEAR and doubtful(row)]
    verdict = (
        "as predicted"
        if found
        else "not told, as the control may too in those that do"
        if hidden
        else "not as predicted"
    )
    if chance is not None:
        unsound, (factor, low, high) = sum(map(doubtful, compared)), inflated
        reach = f" ({low:.2g} to {high:.2g}, were measures independent)" if isfinite(low) else ""
        beside = (
            f" (control, one network asked as often: {len(chance)}; {unsound} with p < 0.05, which decide nothing; its "
            f"spread is {factor:.2g} times{reach} what mazes explain, which is allowed for)"
        )
    return (
        f"Of {len(compared)} measures of `{experiment}` that all have with an interval, {len(found)} surely differ "
        f"between networks by more than mazes explain{beside}: {verdict}. Cochran's Q, corrected by Holm."
    )


def unallowed(plain: Sequence[Row], apart: Sequence[Row]) -> list[str]:
    """What would be told if intervals were taken at their word: the factor is itself measured, and of few measures."""
    more = len(plain) - len(apart)
    said = f"Without that allowance {more} more would be told apart, and not known to be wrong."
    return [said] if more > 0 else []


def left_out(count: int) -> list[str]:
    """How many measures are none here."""
    return [f"Left out are {count} measures that no draw of mazes changes."] if count else []


def held(shares: Sequence[Row]) -> str:
    """How often one interval holds another's value."""
    networks, *control = shares
    beside = "".join(f", of its own about other mazes {_share(row)}" for row in control)
    return (
        f"One network's interval holds {_share(networks)} of another's values{beside}. Normal intervals of equal width "
        f"hold {MAZES_ALONE:.0%} where only mazes differ; those of shares near 0 or 1 more or less."
    )


def surest(found: Sequence[Row]) -> list[str]:
    """The measure in which they differ most surely."""
    if not found:
        return []
    row = found[0]
    each = ", ".join(f"{value:.3g} {name}" for name, value in row.what.items() if name.startswith(IN))
    return [
        f"Most surely they differ in {label(row)}: {each}; {row.value:.3g} on average ({row.low:.3g} to "
        f"{row.high:.3g}), and {row.what['between']:.2g} (standard deviation) from network to network beyond mazes."
    ]


def networks(spread: Spread, names: Sequence[str], compared: Sequence[Row]) -> figures.Figure:
    """Those measures that differ most: how far each network is from their mean, in standard errors of one network."""
    rows = []
    for i in np.argsort(-spread.q, kind="stable")[:DRAWN]:
        scale = float(np.median(spread.error[i]))
        for network, name in enumerate(names):
            value, low, high = (
                float(one[i, network] - spread.middle[i]) / scale for one in (spread.value, spread.low, spread.high)
            )
            rows.append(Row("distance", value, low, high, 1, {"of": label(compared[i]), "network": name}))
    return figures.intervals(
        rows,
        title=f"{len(differing(compared))} of {len(compared)} measures surely differ; the least alike",
        x="distance from the networks' mean (standard errors over mazes), 95% interval",
        by="of",
        group="network",
        references={"mean": 0.0},
    )


def shares(found: Sequence[Row]) -> figures.Figure:
    """How often intervals hold, networks beside control; the bars go from the least to the most of the networks."""
    return figures.intervals(
        found,
        title=f"One network's interval holds {found[0].value:.0%} of another's values",
        x="share of values that another's 95% interval holds (bars: least and most of the networks)",
        by="who",
        references={"where only mazes differ": MAZES_ALONE},
        share=True,
    )


def _share(row: Row) -> str:
    return f"{row.value:.0%} ({row.low:.0%} to {row.high:.0%} by network)"
