"""What locating optimisation comes to, in words made of its rows; pictures are made in `locate_figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maze_interp import tables
from maze_interp.experiments.findings import Findings
from maze_interp.experiments.locate_figures import figures_of
from maze_interp.experiments.locate_readings import Column
from maze_interp.tables import Row

__all__ = ["Row", "figures_of", "findings", "tables"]
LISTED = 3
HALF = 0.5


def findings(
    *,
    tables: Mapping[str, Sequence[Row]],
    figures: Mapping[str, Any],
    verdicts: Mapping[str, str],
    apart: Sequence[tuple[Column, float]],
    settings: Any,
    count: int,
) -> Findings:
    """The page: what was asked, then an answer to each question with what was predicted of it."""
    return Findings(
        heading="Which parts steer what follows",
        sentences=[
            _asked(tables, settings, count),
            _ends(tables["codings"]),
            _sizes(tables["columns"]),
            *_predicts(tables["predicts"]),
            _agrees(tables["readings"], apart, settings.coding),
            _named(tables["named_heads"][0]),
            _signs(tables["columns"]),
            _adds_up(tables["interactions"]),
            _learned(tables["training"], verdicts),
            _strata(tables["strata"], tables["strata_untrained"]),
            _walkers(tables["walkers"], settings.steps),
            _endings(tables["walks"]),
        ],
        tables={name: rows for name, rows in tables.items() if rows},
        figures=figures,
        numbers=_numbers(tables, count),
    )


def _numbers(tables: Mapping[str, Sequence[Row]], count: int) -> dict[str, float]:
    kept = ("predicts", "readings", "named_heads", "interactions", "training", "strata", "walkers", "codings", "walks")
    found = {"mazes": float(count)}
    for table in kept:
        for row in tables[table]:
            conditions = ", ".join(str(value) for value in row.what.values() if isinstance(value, str))
            layer = f" {row.what['layer']}" if "layer" in row.what else ""
            found[f"{table}: {row.measure}{layer}{', ' * bool(conditions)}{conditions}"] = row.value
    return found


def _asked(tables: Mapping[str, Sequence[Row]], settings: Any, count: int) -> str:
    columns = {(row.what["part"], row.what["place"]) for row in tables["columns"]}
    fork = "start at the same fork" if settings.population == "same_fork" else "start at a fork of three ways"
    infinite = sum(row.what["infinite"] for row in tables["small_changes"])
    values = sum(row.n for row in tables["small_changes"])
    return (
        f"{len(columns)} parts at places were exchanged between {count} test mazes that {fork}; what follows is the "
        f"first step, told as a {settings.coding}. By small changes {settings.small} of them were read, with the "
        f"goal's token, the two of the right step's edge, or the whole prompt as the past; {infinite} of {values:,} "
        "values there are infinite and count as ranks. Op is in nats."
    )


def _ends(rows: Sequence[Row]) -> str:
    own = {(row.what["coding"], row.measure): row for row in rows}
    said = "; ".join(
        f"told as a {coding} {own[coding, 'op']:+.3f}, of an entropy of {own[coding, 'entropy_factual'].value:.2f}"
        for coding in dict.fromkeys(row.what["coding"] for row in rows)
    )
    return (
        f"Through the stream at the very end all passes. How what follows is told decides the sign of its Op: {said}."
    )


def _sizes(rows: Sequence[Row]) -> str:
    said = []
    for model in dict.fromkeys(row.what["model"] for row in rows):
        own = {
            name: [row.value for row in rows if (row.what["model"], row.measure) == (model, name)]
            for name in ("op", "imp")
        }
        sure = sum(row.what["sure"] for row in rows if (row.what["model"], row.measure) == (model, "op"))
        imp = np.array(own["imp"])
        said.append(
            f"{model} {np.abs(own['op']).mean():.4f} and {np.nanmean(imp) if np.isfinite(imp).any() else np.nan:.4f} "
            f"({sure} of {len(own['op'])} surely not 0)"
        )
    return f"Mean size of Op and mean Imp over all of them: {'; '.join(said)}."


def _predicts(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return [
            "No counterfactual pairs could be made of the other mazes, or none moves the model: effects were not asked."
        ]
    said = []
    for reading in dict.fromkeys(row.what["reading"] for row in rows):
        own = {
            (row.measure, row.what["among"], row.what["given"]): row for row in rows if row.what["reading"] == reading
        }
        parts = "; ".join(
            f"{name} {own[name, 'all', 'nothing']:.2f}, given length {own[name, 'all', 'length']:.2f}, among "
            f"heads {own[name, 'heads', 'nothing']:.2f}"
            for name in ("op", "size of op", "imp")
        )
        chance = max(row.what["chance"] for row in own.values())
        said.append(f"Rank correlation with the effect of patching pairs of other mazes, {reading}: {parts}; shuffled "
                    f"columns stay below {chance:.2f}.")  # fmt: skip
    split = {
        (row.measure, row.what["given"]): row
        for row in rows
        if (row.what["reading"], row.what["among"]) == ("split history", "all")
    }
    imp, beyond, op = split["imp", "nothing"], split["imp", "length"], split["size of op", "nothing"]
    first = _verdict(imp.low > HALF and beyond.low > 0, imp.high < HALF or beyond.high < 0)
    second = _verdict(op.high < imp.low, op.low > imp.high)
    return [*said, f"Predicted: Imp above one half, and beyond length: {first}; Op, in size, less than Imp: {second}."]


def _agrees(rows: Sequence[Row], apart: Sequence[tuple[Column, float]], coding: str) -> str:
    said = "; ".join(
        f"of {past} " + ", ".join(f"{row.measure} {row:.2f}" for row in rows if row.what["past"] == past)
        for past in dict.fromkeys(row.what["past"] for row in rows)
    )
    imp = next(row for row in rows if (row.what["past"], row.measure) == ("prompt", "imp"))
    op = next(row for row in rows if (row.what["past"], row.measure) == ("prompt", "op"))
    turned = "; that Op goes the other way is what a verdict does, which another maze's step makes less sure"
    listed = ", ".join(f"{column.name} ({gap:+.0f} of 100 places)" for column, gap in apart)
    return (
        f"Do both readings rank parts alike? With small changes {said}"
        f"{turned if coding == 'verdict' and op.high < 0 else ''}. Predicted that they agree in Imp: "
        f"{_verdict(imp.low > imp.what['chance'], imp.high < imp.what['chance'])}. Of the prompt they differ most at "
        f"{listed}: above 0, more by small changes."
    )


def _named(row: Row) -> str:
    if not row.what["heads"]:
        return f"No head bears one of the names {row.what['names']}, so Op cannot be concentrated in them."
    share = row.what["share of heads"]
    return (
        f"The {row.what['heads']} of {row.what['of']} heads called {row.what['names']} hold {row.value:.0%} "
        f"({row.low:.0%} to {row.high:.0%}) of all heads' Op by size; as many drawn at random stay below "
        f"{row.what['chance']:.0%}. Predicted that it is concentrated there: "
        f"{_verdict(row.low > share and row.value > row.what['chance'], row.high < row.what['chance'])}."
    )


def _signs(rows: Sequence[Row]) -> str:
    own = [row for row in rows if row.measure == "op" and row.what["model"] == "trained"]
    parts = [row for row in own if not row.what["part"].startswith(("stream", "end", "attention"))]
    said = []
    for word, sign in (("keep upstream differences from what follows (Op > 0)", 1), ("impose them on it (Op < 0)", -1)):
        mine = sorted(
            (row for row in parts if row.what["sure"] and sign * row.value > 0), key=lambda row: -sign * row.value
        )
        top = ", ".join(f"{row.what['part']} at {row.what['place']} {row:+.3f}" for row in mine[:LISTED])
        said.append(f"{len(mine)} surely {word}{': ' + top if top else ''}")
    return f"Of {len(parts)} heads and MLPs at places, corrected for all, {'; '.join(said)}."


def _adds_up(rows: Sequence[Row]) -> str:
    heads = [row for row in rows if row.measure == "lost to interaction"]
    both = [row for row in rows if row.measure != "lost to interaction"]
    said = "; ".join(
        f"layer {row.what['layer']}: {row.what['op of attention']:.3f}, heads {row.what['op of its heads']:.3f}, lost "
        f"{row:+.3f}"
        for row in heads
    )
    small = "; ".join(f"layer {row.what['layer']} {row:+.3f}" for row in both if row.n)
    more = [row for row in heads if abs(row.what["op of attention"]) > abs(row.what["op of its heads"])]
    return (
        f"At the decision the attention of a layer and the sum of its heads have Op {said}. In {len(more)} of "
        f"{len(heads)} layers the heads sum up to less in size, as was predicted of all. By small changes a layer as a "
        f"whole has more Op than its attention and its MLP together by: {small or 'not known'}."
    )


def _learned(rows: Sequence[Row], verdicts: Mapping[str, str]) -> str:
    if not rows:
        return "There are too few checkpoints to say when Op rises."
    exact = next(row for row in rows if row.measure == "exact paths")
    if not exact.what["found"]:
        return "Exact paths have no point of change, so nothing comes before or after it."
    said = "; ".join(
        f"{row.measure} from {row.what['before']:.3f} to {row.what['after']:.3f} at {row.value:,.0f} mazes "
        f"({row.low:,.0f} to {row.high:,.0f}): {verdicts[row.measure]} exact paths"
        if row.what["found"]
        else f"{row.measure}: no point of change"
        for row in rows
        if row is not exact
    )
    heads = verdicts.get("size of op of heads")
    return (
        f"In training, at the decision, exact paths change at {exact.value:,.0f} mazes read ({exact.low:,.0f} to "
        f"{exact.high:,.0f}); {said}. Predicted that Op accompanies them: "
        f"{_verdict(heads == 'accompanies', heads in ('precedes', 'follows', 'no change'))}."
    )


def _strata(rows: Sequence[Row], bare: Sequence[Row] = ()) -> str:
    levels = ", ".join(f"{row.what['stratum']} {row:.3f}" for row in rows if " less " not in row.what["stratum"])
    gaps = {row.what["stratum"]: row for row in rows if " less " in row.what["stratum"]}
    said = "; ".join(f"{name} {row:+.3f}" for name, row in gaps.items())
    fork = gaps.get("fork less corridor")
    verdict = _verdict(fork.low > 0, fork.high < 0) if fork else "not told"
    before = next((f"; before training {row:.3f} at forks" for row in bare if row.what["stratum"] == "fork"), "")
    return (
        f"By small changes, the median size of Op over heads and MLPs at the second cell, mean over mazes: {levels}"
        f"{before}. "
        f"Differences: {said or 'too few mazes'}. Predicted that it is larger at forks than in corridors: {verdict}."
    )


def _walkers(rows: Sequence[Row], steps: int) -> str:
    own = {(row.what.get("walker"), row.measure): row for row in rows if "crossed" not in row.what}
    crossed = {row.what["crossed"]: row for row in rows if "crossed" in row.what}
    names = sorted(
        {row.what["walker"] for row in rows if "walker" in row.what}, key=lambda name: -own[name, "op"].value
    )
    said = "; ".join(f"{name} {own[name, 'op']:+.3f}, succeeds in {own[name, 'success'].value:.0%}" for name in names)
    rank = rows[-1]
    return (
        f"Seen from outside, the step at a fork that all mazes share has, on the distance from the goal {steps} "
        f"steps on, Op: {said}. The model's step with a perfect search going on from it has "
        f"{crossed['model, oracle']:+.3f}, a perfect search's step with the model going on "
        f"{crossed['oracle, model']:+.3f}. Over {rank.what['walkers']} walkers Op and success have the rank "
        f"correlation {rank:.2f}. Predicted that Op ranks them as success does: "
        f"{_verdict(rank.low > HALF, rank.high < HALF)}."
    )


def _endings(rows: Sequence[Row]) -> str:
    *each, own, alike = rows
    shares = sorted((row for row in each if row.measure == "shortest walks"), key=lambda row: row.value)
    most = max((row for row in each if row.measure == "op on the ending"), key=lambda row: abs(row.value))
    least = shares[0]
    return (
        f"Written to the end with a part of another maze held, {least:.0%} "
        f"of walks are still shortest with {least.what['part']} at {least.what['place']}, of the network's own "
        f"{own.value:.0%}; most Op on the ending has {most.what['part']} at {most.what['place']} ({most:+.3f}). "
        f"Over {alike.what['columns']} parts drawn from all but the strongest, its size on the ending and on the first "
        f"step have the rank correlation {alike:.2f}; shuffled parts stay below {alike.what['chance']:.2f}. "
        f"Predicted above one half: {_verdict(alike.low > HALF, alike.high < HALF)}."
    )


def _verdict(held: bool, refuted: bool) -> str:
    return "held" if held else "not held" if refuted else "not told"
