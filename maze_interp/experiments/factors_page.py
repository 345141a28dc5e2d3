"""What is said and drawn of networks whose settings are crossed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from maze_interp import figures
from maze_interp.experiments.factors_design import Design, Effect
from maze_interp.figures import Figure
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

HALF = 0.5  # of the validation mazes, walked exactly
HALF_READ = "mazes read until half are walked exactly"
LEARNED = f"logarithm of {HALF_READ}"
AT_HOME = "walked at home"
MARGIN = 0.05  # less than which is no change worth a prediction
PREDICTION = (
    "Predicted: settings change how much a network must read to learn, and not how well it walks at home in the end."
)
APART, UNTOLD, UNKNOWN = "told apart from seeds", "not told apart", "cannot be told"


def walked(world: str) -> str:
    return f"walked {world}".replace("_", " ")


def name(effect: Effect) -> str:
    """What a factor is called, or the company of two."""
    return " with ".join(effect)


def crossing(design: Design) -> str:
    return " by ".join(design.factors)


def combination(design: Design, network: int) -> str:
    """The settings of one network."""
    return ", ".join(
        f"{factor} {values[int(second)]}"
        for (factor, values), second in zip(design.factors.items(), design.second[network], strict=True)
    )


def asked(names: Sequence[str], design: Design, count: int) -> str:
    """Who was asked, of how many mazes, and what there is to tell settings from seeds by."""
    who = "; ".join(f"{run} ({combination(design, place)})" for place, run in enumerate(names))
    said = f"Asked were {who}, of {count} mazes at home that none of them had read."
    if not design.degrees:
        return (
            f"{said} No two differ by their seed alone, so nothing can be told of settings: below is what these "
            f"networks show, and any of it may be their seeds."
        )
    freedom = "1 degree" if design.degrees == 1 else f"{design.degrees} degrees"
    several = [cell for cell in design.cells if cell.sum() > 1]
    where = "; ".join(combination(design, int(np.flatnonzero(cell)[0])) for cell in several)
    alone = len(design.cells) - len(several)
    others = "the other combination" if alone == 1 else f"the {alone} other combinations"
    assumed = f", which is taken for that of {others} as well" if alone else ""
    return (
        f"{said} What a setting changes is told from what seeds do with {freedom} of freedom (networks of {where}"
        f"{assumed})."
    )


def sentences(effects: Sequence[Row], design: Design) -> list[str]:
    """What is told apart from seeds, and what is clearest of the rest."""
    if not design.degrees:
        return [f"Of these networks: {change(row, design)}." for row in effects if row.what["of"] in design.factors]
    told = [row for row in effects if row.what["verdict"] == APART]
    rest = [row for row in effects if row.what["verdict"] == UNTOLD]
    said = [
        f"Of {len(effects)} effects {len(told)} have an interval that leaves 0 out; {len(effects) / 20:.1f} would "
        f"without any effect.",
        *(f"Told apart from seeds: {change(row, design)}." for row in told),
    ]
    if rest:
        most = max(rest, key=lambda row: abs(row.value) / max(row.high - row.low, 1e-9))
        said.append(f"Clearest of what is not: {change(most, design)}.")
    return said


def verdict(effects: Sequence[Row], design: Design, unlearned: Sequence[str]) -> list[str]:
    """Whether settings change learning and nothing at home, by the settings alone and not their company."""
    if unlearned:
        return [f"When half of the mazes were walked is not known of {', '.join(unlearned)}: it is compared of none."]
    if not design.degrees:
        return []
    alone = [row for row in effects if row.what["of"] in design.factors]
    learning = any(row.what["verdict"] == APART for row in alone if row.measure == LEARNED)
    home = [row for row in alone if row.measure == AT_HOME]
    changed = any(row.low > MARGIN or row.high < -MARGIN for row in home)
    alike = bool(home) and all(row.low > -MARGIN and row.high < MARGIN for row in home)
    first = "Some setting changes" if learning else "No setting is told to change"
    then = (
        f"some changes what is walked at home by more than {100 * MARGIN:.0f} points"
        if changed
        else f"none changes what is walked at home by {100 * MARGIN:.0f} points or more"
        if alike
        else f"whether any changes what is walked at home by {100 * MARGIN:.0f} points is not told"
    )
    found = "as predicted" if learning and alike else "not as predicted" if changed else "which leaves it open"
    asked = f" (of {len(design.factors)} asked, 95% each)" if len(design.factors) > 1 else ""
    return [f"{first} how much must be read to learn{asked}, and {then}: {found}."]


def refused(why: Mapping[str, str]) -> list[str]:
    return [f"Not asked {world}: {reason}.".replace("_", " ") for world, reason in why.items()]


def pictures(
    runs: Mapping[str, TrainingRun], effects: Sequence[Row], networks: Sequence[Row], design: Design
) -> dict[str, Figure]:
    """How each learned, what each walks, and what each setting changes of that."""
    lines = [
        figures.series(
            [row | {"mazes": row["step"] * run.recipe.mazes_per_step} for row in run.metrics],
            f"{who}: {combination(design, place)}",
            "exact",
            x="mazes",
        )
        for place, (who, run) in enumerate(runs.items())
    ]
    drawn = {
        "learning": figures.curves(
            lines, title=_learning(effects, design), x="mazes read", y="share of validation mazes walked exactly"
        )
    }
    if networks:
        drawn["networks"] = figures.intervals(
            networks,
            title=_span(networks),
            x="share of mazes walked along a shortest path, 95% interval over mazes",
            group="network",
            share=True,
        )
    shares = [row for row in effects if row.what["share"]]
    if design.degrees and shares:
        sure = sum(row.what["verdict"] == APART for row in shares)
        drawn["effects"] = figures.intervals(
            shares,
            title=f"{sure} of {len(shares)} changes of what is walked are told apart from seeds",
            x="change in the share of mazes walked, 95% interval over networks",
            group="of",
            references={"no change": 0.0},
        )
    return drawn


def _learning(effects: Sequence[Row], design: Design) -> str:
    learned = [row for row in effects if row.measure == LEARNED]
    told = [row for row in learned if row.what["verdict"] == APART]
    if told:
        row = max(told, key=lambda row: abs(row.value))
        return f"{_rather(row, design)}: {np.exp(row.value):.1f} times as many mazes until half are walked"
    if not learned:
        return "When half of the mazes are walked is not known of all"
    return "No setting is told to change how fast they learn" if design.degrees else "How these networks learn"


def _span(networks: Sequence[Row]) -> str:
    measures = list(dict.fromkeys(row.measure for row in networks))
    reach = {m: np.ptp([row.value for row in networks if row.measure == m]) for m in measures}
    most = max(measures, key=lambda m: reach[m])
    low, high = (pick(row.value for row in networks if row.measure == most) for pick in (min, max))
    return f"They differ most in mazes {most}: {low:.0%} to {high:.0%}"


def change(row: Row, design: Design) -> str:
    """An effect in words: points of shares, and times of what is told by logarithms."""
    if row.what["share"]:
        interval = "" if isnan(row.low) else f" ({100 * row.low:+.1f} to {100 * row.high:+.1f})"
        does = f"changes {row.measure} by {100 * row.value:+.1f}{interval} points"
    else:
        interval = "" if isnan(row.low) else f" ({np.exp(row.low):.2g} to {np.exp(row.high):.2g})"
        does = f"multiplies {HALF_READ} by {np.exp(row.value):.2g}{interval}"
    if row.what["of"] in design.factors:
        return f"{_rather(row, design)} {does}{_ends(row)}"
    one, other = row.what["of"].split(" with ")
    first, second = design.factors[other]
    alone = replace(row, what={"of": one})
    return f"at {other} {second}, beyond what it does at {first}, {_rather(alone, design)} {does}"


def _rather(row: Row, design: Design) -> str:
    first, second = design.factors[row.what["of"]]
    return f"{row.what['of']} {second} rather than {first}"


def _ends(row: Row) -> str:
    if row.what["share"]:
        return f", from {row.what['first']:.1%} to {row.what['second']:.1%}"
    first, second = np.exp(row.what["first"]), np.exp(row.what["second"])
    return f", from {first:,.0f} to {second:,.0f} (geometric means)"
