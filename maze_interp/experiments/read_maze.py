"""What does the model know about the maze, where, and from which layer on? Linear probes beside their controls.

Predictions, made before anything was measured: passages can be read from the residual stream beyond every control, as
published without these controls; they are read best before the last layer; and what lies ahead can be read beyond what
current, goal and start cell tell, the less so the farther ahead. A fact is found at a site only if its probe beats the
majority of each slot, shuffled labels, a bag of the tokens read, the edges they named, the three cells and the
untrained network, each difference's interval widened for the number of sites.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import figures, mazes, models, probing, recipes, seeds, training
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure, Series
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.probing import ProbeRecipe, ProbeResult
from maze_interp.tables import Row

SHOWN = 4  # mazes drawn as they are and as they are decoded
CHARTED = ("model", "untrained", "shuffled")
INPUTS = ("majority", *probing.BAGS)


@dataclass(frozen=True)
class Settings:
    """The run to read and how: by `probe`, or by the probe recipe in a TOML file. `save` is a folder for the probes."""

    run: str = ""
    recipe: str = ""
    save: str = ""
    seed: int = 0
    probe: ProbeRecipe = field(default_factory=ProbeRecipe)


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Every target at every site of a run's model. `progress` counts mazes read, by the model and its control."""
    trained = training.open_run(settings.run)
    model = trained.model()
    recipe = _recipe(settings)
    seed = seeds.derive(settings.seed, "read maze")
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    untrained = models.build(trained.recipe.model, seed=trained.recipe.seed)

    def solved(batch: MazeBatch) -> Bool[np.ndarray, " maze"]:
        return mazes.paths.optimal(batch, models.rollout(model, batch, seed=seed))

    asked = probing.split(world, model.maze_tokenizer, recipe, seed=seed, solved=solved)
    left_out = probing.refusals(model, asked, recipe)
    kept = tuple(name for name in recipe.targets if name not in left_out)
    if not kept:
        raise ValueError("; ".join(left_out.values()))
    recipe = replace(recipe, targets=kept)
    result = probing.probe(model, untrained, asked, recipe, seed=seed, progress=progress)
    if settings.save:
        probing.save(result, model, asked[0].mazes.rows, asked[0].mazes.cols, settings.save)
    return findings(result, left_out, _drawn(result, model, asked[2]))


def _recipe(settings: Settings) -> ProbeRecipe:
    if settings.recipe and settings.probe != ProbeRecipe():
        raise ValueError("give a probe recipe's file or settings of probe, not both")
    return recipes.load(ProbeRecipe, settings.recipe) if settings.recipe else settings.probe


def findings(result: ProbeResult, left_out: dict[str, str], drawn: dict[str, Figure]) -> Findings:
    """The page: what was predicted and found, each fact at its best site beside its controls, and facts by site."""
    facts = list(dict.fromkeys(row.what["target"] for row in result.scores))
    found = {fact: result.found(fact) for fact in facts}
    shown = {fact: beside(result, fact) for fact in facts}
    numbers = {f"{fact}: {name}": row.value for fact, rows in shown.items() for name, row in rows.items()}
    numbers |= {f"{fact}: sites found at": float(len(sites)) for fact, sites in found.items()}
    return Findings(
        heading="Reading the maze",
        sentences=[
            _asked(result),
            *_predictions(shown, found, list(dict.fromkeys(row.what["site"] for row in result.beyond))),
            *_lists(shown, found),
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
        },
        figures={
            "beyond": beyond(result, facts, found),
            "selectivity": selectivity(result, facts),
            **{f"{fact.replace(', ', '_')}_by_site": by_site(result, fact) for fact in facts[:1]},
            **drawn,
        },
        numbers=numbers,
    )


def beside(result: ProbeResult, fact: str) -> dict[str, Row]:
    """The score of a fact at its best site, chosen on validation mazes, and those of all other features, by name."""
    site = probing.name_of(result.best[probing.target_of(fact)].site)
    rows = [row for row in result.scores if row.what["target"] == fact and row.what.get("site", site) == site]
    order = ("model", *probing.CONTROLS, "always yes")
    return {row.what["features"]: row for row in sorted(rows, key=lambda row: order.index(row.what["features"]))}


def beyond(result: ProbeResult, facts: list[str], found: dict[str, list[str]]) -> Figure:
    """How far each fact's score exceeds its strongest control, by site."""
    sites, values = _matrix(facts, result.beyond, min)
    some = sum(bool(each) for each in found.values())
    title = f"{some} of {len(facts)} facts are read beyond every control at some site"
    value = "score beyond the strongest control (accuracy or R²)"
    return figures.heat_map(values, facts, sites, title=title, centre=0.0, x="site", y="fact", value=value)


def selectivity(result: ProbeResult, facts: list[str]) -> Figure:
    """How far each fact's score exceeds that of a probe fitted to shuffled labels, by site."""
    rows = [row for row in result.beyond if row.measure == "beyond shuffled"]
    sites, values = _matrix(facts, rows, max)
    best = facts[int(np.nanargmax(np.nanmax(values, axis=1)))]
    title = f"Probes are most selective for {best}: {np.nanmax(values):.2f} beyond shuffled labels"
    value = "selectivity (accuracy or R²)"
    return figures.heat_map(values, facts, sites, title=title, centre=0.0, x="site", y="fact", value=value)


def by_site(result: ProbeResult, fact: str) -> Figure:
    """One fact's score by site, with the controls that have none as level lines."""
    rows = [row for row in result.scores if row.what["target"] == fact]
    sites = list(dict.fromkeys(row.what["site"] for row in rows if "site" in row.what))
    place = np.arange(len(sites), dtype=float)
    lines = [
        _line(name, place, [row for row in rows if row.what["features"] == name for _ in (sites if level else [0])])
        for names, level in ((CHARTED, False), (INPUTS, True))
        for name in names
    ]
    best = max((row for row in rows if row.what["features"] == "model"), key=lambda row: row.value)
    title = f"{fact} is read best at {best.what['site']}: {best.measure} {best.value:.3f}"
    return figures.curves(lines, title=title, x=f"site: {', '.join(sites)}", y=f"{best.measure}, 95% interval")


def _line(name: str, x: np.ndarray, rows: list[Row]) -> Series:
    value, low, high = (np.array([getattr(row, key) for row in rows], float) for key in ("value", "low", "high"))
    return Series(name, x, value, np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high))


def _matrix(
    facts: list[str], rows: list[Row], pick: Callable[[list[float]], float]
) -> tuple[list[str], Float[np.ndarray, "fact site"]]:
    """(sites, the picked value of each fact's rows at each of them)."""
    cells: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        cells.setdefault((row.what["target"], row.what["site"]), []).append(row.value)
    sites = list(dict.fromkeys(site for _, site in cells))
    return sites, np.array([[pick(cells[fact, site]) for site in sites] for fact in facts])


def _drawn(result: ProbeResult, model: HookedTransformer, asked: probing.Asked) -> dict[str, Figure]:
    """The first test mazes beside what is decoded of their passages."""
    if "passage" not in result.best:
        return {}
    first = np.flatnonzero(np.bincount(asked.maze) > 0)[:SHOWN]
    batch, best = asked.mazes[first], result.best["passage"]
    some = probing.ask(model.maze_tokenizer, batch, result.recipe.position, seed=0)
    once = np.searchsorted(some.maze, np.arange(len(batch)))
    outputs = best.fit.predict(probing.read(model, some, [best.site])[best.site])[once]
    read = MazeBatch(probing.decoded(outputs, batch.rows, batch.cols), batch.start, batch.goal)
    wrong = (read.passages != batch.passages).sum(axis=(1, 2, 3))
    names = [f"maze {i + 1}" for i in range(len(batch))] + [f"decoded, {count} passages wrong" for count in wrong]
    both = MazeBatch(*(np.concatenate([getattr(batch, k), getattr(read, k)]) for k in ("passages", "start", "goal")))
    title = f"Mazes as they are and as they are read at {probing.name_of(best.site)}: {wrong.mean():.1f} passages wrong"
    return {"decoded": figures.gallery(both, titles=names, title=title, columns=SHOWN)}


def _asked(result: ProbeResult) -> str:
    recipe = result.recipe
    scored = max(row.n for row in result.scores)
    return (
        f"Probes ({recipe.method}) of {len(recipe.targets)} targets read the model at {recipe.position}, at "
        f"{len({row.what['site'] for row in result.beyond})} sites; they were fitted to {recipe.mazes:,} mazes and "
        f"scored on {scored:,} test mazes. Scores are accuracies, and of numbers R²; each is at the site that was best "
        f"on validation mazes."
    )


def _predictions(shown: dict[str, dict[str, Row]], found: dict[str, list[str]], sites: list[str]) -> list[str]:
    """What became of each prediction whose facts were asked."""
    said = []
    for fact in [name for name in ("passage", "wall") if name in found][:1]:
        held = "as predicted" if found[fact] else "against the prediction"
        said.append(
            f"Of {fact} the model tells {shown[fact]['model'].value:.1%}, of which a bag of tokens tells "
            f"{shown[fact]['tokens'].value:.1%} and the untrained network {shown[fact]['untrained'].value:.1%}: it is "
            f"{'found' if found[fact] else 'not found'} beyond every control, {held}. It is read best at "
            f"{shown[fact]['model'].what['site']}, of {', '.join(sites)}."
        )
    ahead = [name for name in found if name.startswith("ahead_")]
    if ahead:
        some = [name for name in ahead if found[name]]
        gaps = ", ".join(f"{_gap(shown[name], 'cells'):+.3f} at {name.removeprefix('ahead_')}" for name in ahead)
        held = "as predicted" if some and _falls([_gap(shown[name], "cells") for name in ahead]) else "not as predicted"
        said.append(
            f"Of the cells {ahead[0].removeprefix('ahead_')} and more steps ahead, {len(some)} of {len(ahead)} are "
            f"found beyond every control; beyond current, goal and start cell the model tells {gaps} steps, {held}."
        )
    return said


def _gap(rows: dict[str, Row], control: str) -> float:
    return rows["model"].value - rows[control].value


def _falls(gaps: list[float]) -> bool:
    """Whether the nearer half of the steps exceeds the farther one."""
    half = len(gaps) // 2
    return half == 0 or float(np.mean(gaps[:half])) > float(np.mean(gaps[half:]))


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
    told = probing.TARGETS[probing.target_of(fact)].told_by
    control = max((name for name in probing.CONTROLS if name not in told), key=lambda name: rows[name].value)
    return f"{fact} {model.value:.3f} at {model.what['site']} ({control} {rows[control].value:.3f})"
