"""What is said and drawn of networks whose settings are crossed."""

from collections.abc import Mapping, Sequence

import numpy as np

from maze_interp import figures
from maze_interp.experiments.factors_design import Design, Effect
from maze_interp.figures import Figure
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

HALF = 0.5  # of the validation mazes
LEARNED = "thousand mazes read until half are walked"
AT_HOME = "walked at home"
PREDICTION = (
    "Predicted: settings change when a network learns and where it fails rather than how well it walks at home."
)
SURELY, UNTOLD, UNKNOWN = "surely", "not told apart", "cannot be told"


def name(effect: Effect) -> str:
    return " and ".join(effect) + (" together" if len(effect) > 1 else "")


def crossing(design: Design) -> str:
    return " by ".join(design.factors)


def combination(design: Design, network: int) -> str:
    """The settings of one network."""
    return ", ".join(
        f"{factor} {values[int(second)]}"
        for (factor, values), second in zip(design.factors.items(), design.second[network], strict=True)
    )


def asked(runs: Mapping[str, TrainingRun], design: Design) -> str:
    """Who was asked, and what there is to tell settings from seeds by."""
    who = "; ".join(f"{run} ({combination(design, place)})" for place, run in enumerate(runs))
    if not design.degrees:
        return (
            f"Asked were {who}. No two differ by their seed alone, so nothing can be told of settings: below is what "
            f"these networks show, and any of it may be their seeds."
        )
    return (
        f"Asked were {who}. What a setting changes is told from what seeds do with {design.degrees} degrees of "
        f"freedom, all intervals of one measure together 95 times in 100."
    )


def sentences(effects: Sequence[Row], design: Design) -> list[str]:
    """What settings surely change, what is largest of the rest, and whether that is as predicted."""
    sure = [row for row in effects if row.what["verdict"] == SURELY]
    rest = [row for row in effects if row.what["verdict"] != SURELY]
    said = [f"Surely: {_change(row, design)}." for row in sure]
    shares = [row for row in rest if row.what["share"]]
    if shares and design.degrees:
        most = max(shares, key=lambda row: abs(row.value))
        by_seed = _amount(most, most.what["between seeds"])
        said.append(
            f"{len(rest)} of {len(effects)} effects are not told apart from what seeds do; the largest of shares: "
            f"{_change(most, design)}, where networks that differ by seed alone differ by {by_seed} (standard "
            f"deviation)."
        )
    elif shares:
        said += [f"Of these networks: {_change(row, design)}." for row in rest if "together" not in row.what["of"]]
    return [*said, *_verdict(effects, design)]


def _verdict(effects: Sequence[Row], design: Design) -> list[str]:
    if not design.degrees:
        return []
    home = [row for row in effects if row.measure == AT_HOME and row.what["verdict"] == SURELY]
    other = [row for row in effects if row.measure != AT_HOME and row.what["verdict"] == SURELY]
    told = "Some setting surely changes" if home else "No setting is told to change"
    besides = "some does so for sure" if other else "none does so for sure"
    verdict = "not as predicted" if home else "as predicted" if other else "which leaves the prediction open"
    return [f"{told} how well they walk at home; under shift or in learning {besides}: {verdict}."]


def refused(why: Mapping[str, str]) -> list[str]:
    return [f"Not asked under {world}, as one of them cannot be: {reason}." for world, reason in why.items()]


def pictures(
    runs: Mapping[str, TrainingRun], effects: Sequence[Row], networks: Sequence[Row], design: Design
) -> dict[str, Figure]:
    """How each learned, what each setting changes of the shares walked, and those shares."""
    learned = [row for row in effects if row.measure == LEARNED]
    lines = [
        figures.series(
            [row | {"mazes": row["step"] * run.recipe.mazes_per_step} for row in run.metrics],
            f"{who}: {combination(design, place)}",
            "exact",
            x="mazes",
        )
        for place, (who, run) in enumerate(runs.items())
    ]
    shares = [row for row in effects if row.what["share"]]
    sure = sum(row.what["verdict"] == SURELY for row in shares)
    drawn = {
        "learning": figures.curves(
            lines,
            title=_title(learned, design),
            x="mazes read",
            y="share of validation mazes walked exactly",
        ),
        "networks": figures.intervals(
            networks,
            title=_span(networks),
            x="share of mazes walked along a shortest path, 95% interval over mazes",
            group="network",
            share=True,
        ),
    }
    if design.degrees:
        drawn["effects"] = figures.intervals(
            shares,
            title=f"{sure} of {len(shares)} changes are surely more than seeds make",
            x="change in the share of mazes walked, interval over networks (a measure's together 95%)",
            group="of",
            references={"no change": 0.0},
        )
    return drawn


def _title(learned: Sequence[Row], design: Design) -> str:
    sure = [row for row in learned if row.what["verdict"] == SURELY]
    if not sure:
        return "No setting is told to change how fast they learn" if learned else "Not all walk half of the mazes"
    return f"How fast they learn: {_change(max(sure, key=lambda row: abs(row.value)), design)}"


def _span(networks: Sequence[Row]) -> str:
    measures = list(dict.fromkeys(row.measure for row in networks))
    reach = {m: np.ptp([row.value for row in networks if row.measure == m]) for m in measures}
    most = max(measures, key=lambda m: reach[m])
    low, high = (pick(row.value for row in networks if row.measure == most) for pick in (min, max))
    return f"They differ most in mazes {most}: {low:.0%} to {high:.0%}"


def _change(row: Row, design: Design) -> str:
    """An effect in words."""
    told = row.what["of"]
    if told in design.factors:
        first, second = design.factors[told]
        told = f"{told} {second} rather than {first}"
        ends = f", from {_amount(row, row.what['first'])} to {_amount(row, row.what['second'])}"
    else:
        ends = ""
    interval = (
        "" if np.isnan(row.low) else f" ({_signed(row, row.low, unit=False)} to {_signed(row, row.high, unit=False)})"
    )
    return f"{told} changes {row.measure} by {_signed(row, row.value)}{interval}{ends}"


def _amount(row: Row, value: float) -> str:
    return f"{value:.1%}" if row.what["share"] else f"{value:.3g}"


def _signed(row: Row, value: float, unit: bool = True) -> str:
    return f"{100 * value:+.1f}" + " points" * unit if row.what["share"] else f"{value:+.3g}"
