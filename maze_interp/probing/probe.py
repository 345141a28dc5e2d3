"""The whole procedure: read a model at many sites, fit every target, and compare each score with its controls.

Probes are fitted to mazes of the training split, their penalty is chosen on the validation split and they are scored
on the test split, so no maze's passages are on two sides, and those of the test split no model has seen. The controls,
scored on the same test mazes, are

    majority    what is most frequent for each slot of the target (the mean, for a number)
    shuffled    the same features, fitted to the labels of other mazes; what a score exceeds it by is its selectivity
    tokens      a bag of the tokens read so far;  edges: which edges they named;  cells: current, goal and start cell
    untrained   the same site of the network before training

A probe finds a fact only if it beats every control: the interval of each paired difference, widened for the number of
sites (Bonferroni), lies above 0. A bag that states the fact outright (`Target.told_by`) is shown but is no control.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, seeds, tables
from maze_interp.mazes import MazeBatch, Mixture, World
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing import linear, targets
from maze_interp.probing.bench import (
    TEST,
    VALIDATION,
    Bench,
    Part,
    PerMaze,
    Splits,
    always_yes,
    bench,
    fit,
    majority,
    measure_of,
    score,
    target_of,
)
from maze_interp.probing.features import BAGS, Features, Progress, bag, read, sites_of, width
from maze_interp.probing.linear import Fit
from maze_interp.probing.positions import ask
from maze_interp.probing.targets import TARGETS
from maze_interp.tables import Row
from maze_interp.tokens import Tokenizer

MODEL, UNTRAINED, SHUFFLED, MAJORITY, ALWAYS = "model", "untrained", "shuffled", "majority", "always yes"
CONTROLS = (MAJORITY, SHUFFLED, *BAGS, UNTRAINED)
Found = dict[tuple[str, str], dict[str, PerMaze]]  # each fact's scores by features and site ("" for no site)


@dataclass(frozen=True)
class ProbeRecipe:
    """What to read where and how. `mazes` are to fit, `unseen` to choose the penalty and as many more to score.

    Sites are written as `sites_of` reads them. Raises ValueError for an unknown way to fit and penalties not above 0.
    """

    name: str = "everything"
    reason: str = ""
    targets: tuple[str, ...] = tuple(TARGETS)
    position: str = "path_start"
    sites: tuple[str, ...] = ("resid_pre:0", "resid_post")
    method: str = "ridge"
    penalties: tuple[float, ...] = linear.PENALTIES
    mazes: int = 4000
    unseen: int = 1000

    def __post_init__(self) -> None:
        linear.check_method(self.method)
        if not self.penalties or min(self.penalties) <= 0:
            raise ValueError(f"penalties must be above 0, and there must be one, not {list(self.penalties)}")


@dataclass(frozen=True)
class Probe:
    """One target's fitted probe at one site, and its score on test mazes."""

    target: str
    site: Site
    fit: Fit
    score: float


@dataclass(frozen=True)
class ProbeResult:
    """What was read: each row of `scores` is a mean over test mazes, each of `beyond` a paired difference to a control.

    The intervals of `beyond` are widened for the number of sites. `best` has each target's probe at the site that
    scored best on validation mazes.
    """

    recipe: ProbeRecipe
    scores: list[Row]
    beyond: list[Row]
    best: dict[str, Probe]

    def found(self, fact: str) -> list[str]:
        """The sites at which a fact is found: every difference to a control is above 0."""
        lows: dict[str, list[float]] = {}
        for row in self.beyond:
            if row.what["target"] == fact:
                lows.setdefault(row.what["site"], []).append(row.value if np.isnan(row.low) else row.low)
        return [site for site, low in lows.items() if min(low) > 0]


def split(
    world: World | Mixture,
    tokenizer: Tokenizer,
    recipe: ProbeRecipe,
    *,
    seed: int,
    solved: Callable[[MazeBatch], Bool[np.ndarray, " maze"]] | None = None,
) -> Splits:
    """Samples of mazes to fit to, to choose the penalty on and to score on; `solved` says which the model walks."""
    parts = []
    for which, count in ((mazes.TRAIN, recipe.mazes), (mazes.VALIDATION, recipe.unseen), (mazes.TEST, recipe.unseen)):
        own = seeds.derive(seed, "probe", which)
        batch = mazes.take(world, count, seed=own, split=which)[0]
        told = solved(batch) if solved and "solved" in recipe.targets else None
        parts.append(ask(tokenizer, batch, recipe.position, seed=own, solved=told))
    return parts[0], parts[1], parts[2]


def refusals(model: HookedTransformer, asked: Splits, recipe: ProbeRecipe) -> dict[str, str]:
    """The targets of a recipe for which no probe of this model can be fitted to these samples, and why."""
    sites = sites_of(recipe.sites, model.cfg.n_layers, model.cfg.n_heads)
    parameters = max(width(site, model) for site in sites) + 1
    truth = targets.labels(asked[0], recipe.targets)
    reasons = {name: targets.refused(name, asked[0], truth, parameters) for name in recipe.targets}
    return {name: reason for name, reason in reasons.items() if reason}


def probe(
    model: HookedTransformer,
    untrained: HookedTransformer,
    asked: Splits,
    recipe: ProbeRecipe,
    *,
    seed: int,
    progress: Progress | None = None,
) -> ProbeResult:
    """Fit and score every target of the recipe at every site. `progress` counts mazes read, of both models.

    Raises ValueError for a site the model lacks, and for a target that is constant or has fewer mazes to be fitted to
    than its probe has parameters.
    """
    for reason in refusals(model, asked, recipe).values():
        raise ValueError(reason)
    sites = sites_of(recipe.sites, model.cfg.n_layers, model.cfg.n_heads)
    on = bench(asked, recipe.targets, method=recipe.method, penalties=recipe.penalties, seed=seed)
    found: Found = {(MAJORITY, ""): score(on, majority(on)), (ALWAYS, ""): always_yes(on)}
    for name in BAGS:
        bags = [bag(name, one, model.maze_tokenizer) for one in asked]
        found[name, ""] = score(on, fit(on, bags).predict(bags[TEST]))
    for site, features in _read(untrained, asked, sites, progress, first=True).items():
        found[UNTRAINED, name_of(site)] = score(on, fit(on, features).predict(features[TEST]))
    best: dict[str, tuple[float, Probe]] = {}
    for site, features in _read(model, asked, sites, progress, first=False).items():
        fitted, outputs = fit(on, features), on.truth[TEST].outputs.shape[1]
        predicted = fitted.predict(features[TEST])
        found[MODEL, name_of(site)] = score(on, predicted)
        found[SHUFFLED, name_of(site)] = score(on, predicted[:, outputs:])
        _keep_best(best, on, site, fitted, features[VALIDATION], found[MODEL, name_of(site)])
    scores, beyond = compare(found, seed=seed)
    return ProbeResult(recipe, scores, beyond, {name: one for name, (_, one) in best.items()})


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
            told = TARGETS[target_of(fact)].told_by
            for control in (one for one in CONTROLS if one not in told):
                other = found[control, site if control in (SHUFFLED, UNTRAINED) else ""][fact]
                beyond.append((f"beyond {control}", {"target": fact, "site": site}, each - other))
    return _rows(scores, seed, 0.95), _rows(beyond, seed, 1 - 0.05 / len(sites))


def _rows(measured: list[tuple[str, dict[str, str], PerMaze]], seed: int, level: float) -> list[Row]:
    """A row for each, its interval nan where all mazes are alike."""
    values = np.stack([each for _, _, each in measured], axis=1)
    lows, highs = tables.bootstrap_means(values, seed=seed, level=level)
    rows = []
    for (measure, what, each), low, high in zip(measured, lows.tolist(), highs.tolist(), strict=True):
        known = each[~np.isnan(each)]
        if len(known) and (known == known[0]).all():
            low = high = float("nan")
        rows.append(Row(measure, _mean(each), low, high, len(known), what))
    return rows


def name_of(site: Site) -> str:
    """A site as `sites_of` reads it."""
    return ":".join(str(part) for part in (site.kind, site.layer, site.head) if part is not None)


def _read(
    model: HookedTransformer, asked: Splits, sites: list[Site], progress: Progress | None, *, first: bool
) -> dict[Site, list[Part]]:
    """Each site's features of the three splits; `first` of two such readings, as `progress` is told."""
    each = sum(len(one.mazes) for one in asked)
    before = 0 if first else each
    parts = []
    for one in asked:
        told = (lambda done, _, before=before: progress(before + done, 2 * each)) if progress else None
        parts.append(read(model, one, sites, progress=told))
        before += len(one.mazes)
    return {site: [part[site] for part in parts] for site in sites}


def _keep_best(
    best: dict[str, tuple[float, Probe]],
    on: Bench,
    site: Site,
    fitted: Fit,
    unseen: Features,
    scored: dict[str, PerMaze],
) -> None:
    """Put into `best` the targets whose probe at this site does better on validation mazes than the one there."""
    for name, each in score(on, fitted.predict(unseen), VALIDATION).items():
        value = _mean(each)
        if name in on.spread and (name not in best or value > best[name][0]):
            best[name] = value, Probe(name, site, fitted.part(on.truth[TEST].columns[name]), _mean(scored[name]))


def _mean(each: PerMaze) -> float:
    """The mean of what is known; nan if nothing is."""
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else float("nan")
