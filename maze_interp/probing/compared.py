"""What scores say beside those of controls and of each other: paired differences, maze by maze, with intervals.

`BOTH` is the bag of tokens and the three cells in one: what a glance at the prompt tells together may be more than
either tells alone.
"""

from collections.abc import Sequence

import numpy as np

from maze_interp import tables
from maze_interp.probing.bench import PerMaze, measure_of, target_of
from maze_interp.probing.features import BAGS
from maze_interp.probing.recipe import Probe, name_of
from maze_interp.probing.targets import TARGETS
from maze_interp.tables import Row

MODEL, UNTRAINED, SHUFFLED, MAJORITY, ALWAYS = "model", "untrained", "shuffled", "majority", "always yes"
TASK = "control task"
TOKENS, CELLS = "tokens", "cells"
BOTH = f"{TOKENS} and {CELLS}"
INPUTS = (*BAGS, BOTH)
CONTROLS = (MAJORITY, SHUFFLED, *INPUTS, UNTRAINED)
EARLIER, NEARER = "earlier - last", "nearer - farther"  # what is claimed of sites, and of steps ahead
Found = dict[tuple[str, str], dict[str, PerMaze]]  # each fact's scores by features and site ("" for no site)
Tried = dict[str, list[tuple[float, Probe]]]  # each target's probes, site by site, and their scores on validation mazes


def controls_of(fact: str) -> tuple[str, ...]:
    """The controls that a fact is compared with: all but the bags that state it outright, alone or together."""
    told = TARGETS[target_of(fact)].told_by
    both = {BOTH} if {TOKENS, CELLS} & set(told) else set()
    return tuple(name for name in CONTROLS if name not in {*told, *both})


def compare(found: Found, *, seed: int) -> tuple[list[Row], list[Row]]:
    """(a row for each score, a row for each paired difference of the model to a control) with intervals over mazes.

    The intervals of differences are widened for the number of sites of the model.
    """
    sites = [site for features, site in found if features == MODEL]
    scores, beyond = [], []
    for (features, site), facts in found.items():
        what = {"features": features, **({"site": site} if site else {})}
        scores += [(measure_of(fact), {"target": fact, **what}, each) for fact, each in facts.items()]
    for site in sites:
        for fact, each in found[MODEL, site].items():
            for control in controls_of(fact):
                other = found[control, site if control in (SHUFFLED, UNTRAINED) else ""][fact]
                beyond.append((f"beyond {control}", {"target": fact, "site": site}, each - other))
    return _rows(scores, seed, 0.95), _rows(beyond, seed, 1 - 0.05 / len(sites))


def selectivity(found: Found, *, seed: int) -> list[Row]:
    """Each fact's score at each site less that of the same probe on the control task, corrected for the sites."""
    sites = [site for features, site in found if features == MODEL]
    gaps = [
        ("selectivity", {"target": fact, "site": site}, each - found[TASK, site][fact])
        for site in sites
        for fact, each in found[MODEL, site].items()
    ]
    return _rows(gaps, seed, 1 - 0.05 / len(sites))


def claims(found: Found, tried: Tried, *, seed: int) -> list[Row]:
    """What predictions are judged by, as paired differences with 95% intervals over mazes.

    EARLIER: for each target, the best site but the last less the last. NEARER: how far the nearer half of the steps
    ahead exceeds the farther half, each beyond the three cells, on mazes that have both. Sites are chosen on
    validation mazes.
    """
    made = []
    for name, probes in tried.items():
        if len(probes) > 1:
            one, last = (name_of(each.site) for each in (best_of(probes[:-1]), probes[-1][1]))
            gap = found[MODEL, one][name] - found[MODEL, last][name]
            made.append((EARLIER, {"target": name, "site": one, "than": last}, gap))
    ahead = [name for name in tried if name.startswith("ahead_")]
    if len(ahead) > 1:
        gaps = [found[MODEL, name_of(best_of(tried[name]).site)][name] - found[CELLS, ""][name] for name in ahead]
        half = len(ahead) // 2
        made.append((NEARER, {"target": ", ".join(ahead)}, _known_mean(gaps[:half]) - _known_mean(gaps[half:])))
    return _rows(made, seed, 0.95) if made else []


def best_of(probes: Sequence[tuple[float, Probe]]) -> Probe:
    """The first probe of those that score best on validation mazes."""
    return max(probes, key=lambda one: (not np.isnan(one[0]), one[0]))[1]


def mean_of(each: PerMaze) -> float:
    """The mean of what is known; nan if nothing is."""
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else float("nan")


def _known_mean(parts: Sequence[PerMaze]) -> PerMaze:
    """The mean over parts of what is known of each maze; nan if nothing is."""
    every = np.stack(parts)
    known = ~np.isnan(every)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, every, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _rows(measured: list[tuple[str, dict[str, str], PerMaze]], seed: int, level: float) -> list[Row]:
    """A row for each, its interval nan where all mazes are alike."""
    values = np.stack([each for _, _, each in measured], axis=1)
    lows, highs = tables.bootstrap_means(values, seed=seed, level=level)
    ends = zip(measured, lows.tolist(), highs.tolist(), strict=True)
    return [
        Row(measure, mean_of(each), low, high, int((~np.isnan(each)).sum()), what)
        for (measure, what, each), low, high in ends
    ]
