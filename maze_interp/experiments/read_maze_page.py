"""What reading a maze found, as a page: what was predicted, what was found, and what was published."""

from dataclasses import replace

import numpy as np

from maze_interp import probing
from maze_interp.experiments.findings import Findings
from maze_interp.experiments.read_maze_charts import (
    after_layers,
    beside,
    beside_published,
    beyond,
    beyond_shuffled,
    by_site,
    selectivity,
)
from maze_interp.figures import Figure
from maze_interp.probing import ProbeResult, Published
from maze_interp.tables import Row

HELD, REFUTED, UNTOLD = "as predicted", "against the prediction", "which these mazes do not tell"


def findings(
    result: ProbeResult, left_out: dict[str, str], pictures: dict[str, Figure], size: tuple[int, int]
) -> Findings:
    """The page: what was predicted and found, each fact at its best site beside its controls, and facts by site.

    `size` is the rows and columns of the mazes.
    """
    facts = list(dict.fromkeys(row.what["target"] for row in result.scores))
    found = {fact: result.found(fact) for fact in facts}
    shown = {fact: beside(result, fact) for fact in facts}
    numbers = {f"{fact}: {name}": row.value for fact, rows in shown.items() for name, row in rows.items()}
    numbers |= {f"{fact}: sites found at": float(len(sites)) for fact, sites in found.items()}
    known = result.recipe.published
    known = known if known and after_layers(known.target, result)["model"] else None
    return Findings(
        heading="Reading the maze",
        sentences=[
            _asked(result),
            *([_published(known, result, shown[known.target], size)] if known else []),
            *_predictions(result, shown, found),
            *_lists(shown, found),
            _selective(result, shown),
            *([f"Not asked: {'; '.join(left_out.values())}."] if left_out else []),
        ],
        tables={
            "facts": [
                replace(row, measure=fact, what={"features": name})
                for fact in facts
                for name, row in shown[fact].items()
            ],
            "by_site": [
                replace(row, measure=row.what["target"], what={"site": row.what["site"]})
                for row in result.scores
                if row.what["features"] == "model"
            ],
            "beyond_controls": result.beyond,
            "selectivity": result.selectivity,
            **({"claims": result.claims} if result.claims else {}),
        },
        figures={
            **({"published": beside_published(known, result)} if known else {}),
            "beyond": beyond(result, facts, found),
            "beyond_shuffled": beyond_shuffled(result, facts),
            "selectivity": selectivity(result, facts),
            **{f"{fact.replace(', ', '_')}_by_site": by_site(result, fact) for fact in facts[:1]},
            **pictures,
        },
        numbers=numbers,
    )


def _published(known: Published, result: ProbeResult, rows: dict[str, Row], size: tuple[int, int]) -> str:
    """The published scores and ours by the same recipe, and the controls that were not published."""
    theirs, ours = known.after_layer, after_layers(known.target, result)["model"]
    top = int(np.argmax(theirs))
    same = size == (known.rows, known.cols)
    lattice = "the same lattice" if same else f"mazes of {size[0]} x {size[1]}, so compare each with its own controls"
    return (
        f"Published ({known.source}; {known.of}): {known.target} {theirs[0]:.3f} after layer 0, most after layer "
        f"{top}, {theirs[top]:.3f}, {theirs[-1]:.3f} after the last; always yes {known.always_yes:.3f}. Here, on "
        f"{lattice}: {ours[0]:.3f} after layer 0, {rows['model']:.3f} at {rows['model'].what['site']}, the best "
        f"on validation mazes, {ours[-1]:.3f} after the last; always yes {rows['always yes'].value:.3f}. Not "
        f"published: the majority of each slot tells {rows['majority'].value:.3f}, a bag of tokens "
        f"{rows['tokens'].value:.3f}, the untrained network {rows['untrained'].value:.3f}."
    )


def _asked(result: ProbeResult) -> str:
    recipe = result.recipe
    scored = max(row.n for row in result.scores)
    fewer = " or fewer, those that have the fact" if scored > min(row.n for row in result.scores) else ""
    how = f"bilinear, rank {recipe.rank}" if recipe.method == "bilinear" else recipe.method
    return (
        f"Probes ({how}) of {len(recipe.targets)} targets read the model at {recipe.position}, at "
        f"{len({row.what['site'] for row in result.beyond})} sites; they were fitted to {recipe.mazes:,} mazes and "
        f"scored on {scored:,} test mazes{fewer}. Scores are accuracies, and of numbers R²; each is at the site that "
        f"was best on validation mazes."
    )


def _predictions(result: ProbeResult, shown: dict[str, dict[str, Row]], found: dict[str, list[str]]) -> list[str]:
    """What became of each prediction whose facts were asked."""
    claims = {(row.measure, row.what["target"]): row for row in result.claims}
    said = []
    for fact in [name for name in ("passage", "wall") if name in found][:1]:
        best = shown[fact]["model"]
        verdict = HELD if found[fact] else REFUTED if result.refuted(fact) else UNTOLD
        said.append(
            f"Of {fact} the model tells {best.value:.1%}, of which a bag of tokens tells "
            f"{shown[fact]['tokens'].value:.1%}, with the three cells {shown[fact][probing.BOTH].value:.1%}, and the "
            f"untrained network {shown[fact]['untrained'].value:.1%}: it is {'found' if found[fact] else 'not found'} "
            f"beyond every control, {verdict}."
        )
        if (probing.EARLIER, fact) in claims:
            said.append(_earlier(fact, claims[probing.EARLIER, fact]))
    ahead = [name for name in found if name.startswith("ahead_")]
    if ahead:
        some = [name for name in ahead if found[name]]
        gaps = ", ".join(f"{_gap(shown[name], 'cells'):+.3f} at {name.removeprefix('ahead_')}" for name in ahead)
        said.append(
            f"Of the cells {ahead[0].removeprefix('ahead_')} and more steps ahead, {len(some)} of {len(ahead)} are "
            f"found beyond every control; beyond current, goal and start cell the model tells {gaps} steps."
        )
        said += [_farther(row) for (measure, _), row in claims.items() if measure == probing.NEARER]
    return said


def _earlier(fact: str, row: Row) -> str:
    return (
        f"Predicted: {fact} is read best before the last site. At {row.what['site']}, the best of the others on "
        f"validation mazes, {row:+.3f} against {row.what['than']}: {_outcome(row)}."
    )


def _farther(row: Row) -> str:
    return (
        f"Predicted: the less is told of what lies ahead the farther it is. On {row.n} mazes that have both, of the "
        f"nearer half of these steps is told, beyond the three cells, {row:+.3f} against the farther half: "
        f"{_outcome(row)}."
    )


def _outcome(row: Row) -> str:
    return {1: HELD, 0: UNTOLD, -1: REFUTED}[probing.sign(row)]


def _gap(rows: dict[str, Row], control: str) -> float:
    return rows["model"].value - rows[control].value


def _lists(shown: dict[str, dict[str, Row]], found: dict[str, list[str]]) -> list[str]:
    """The facts found and those not found, each beside its strongest control."""
    kinds = {"Found": [fact for fact in found if found[fact]], "Not found": [fact for fact in found if not found[fact]]}
    return [
        f"{kind} beyond every control (in brackets the strongest): "
        f"{', '.join(_told(fact, shown[fact]) for fact in facts)}."
        for kind, facts in kinds.items()
        if facts
    ]


def _told(fact: str, rows: dict[str, Row]) -> str:
    """A fact's score and that of its strongest control."""
    model = rows["model"]
    control = max(probing.controls_of(fact), key=lambda name: rows[name].value)
    return f"{fact} {model.value:.3f} at {model.what['site']} ({control} {rows[control].value:.3f})"


def _selective(result: ProbeResult, shown: dict[str, dict[str, Row]]) -> str:
    """How far each fact's score exceeds that on labels learned by heart, at the fact's best site."""
    at = {(row.what["target"], row.what["site"]): row for row in result.selectivity}
    said = ", ".join(
        f"{fact} {at[fact, rows['model'].what['site']]:+.3f} on {rows[probing.TASK].value:.3f}"
        for fact, rows in shown.items()
    )
    return (
        "Selectivity (Hewitt & Liang 2019), the score less that of the same probe on a control task, where each pair "
        f"of current cell and goal has a label drawn once that can only be learned by heart: {said}. It says how much "
        "room a probe has, and is no control that a fact must beat."
    )
