"""The whole procedure: read a model at many sites, fit every target, and compare each score with its controls.

Probes are fitted to mazes of the training split, their penalty is chosen on the validation split and they are scored
on the test split, so no maze's passages are on two sides, and those of the test split no model has seen. The controls,
scored on the same test mazes, are

    majority    what is most frequent for each slot of the target (the mean, for a number)
    shuffled    the same features, fitted to the labels of other mazes: what such a probe makes of nothing
    tokens      a bag of the tokens read so far;  edges: which edges they named;  cells: current, goal and start cell;
                tokens and cells: the two together
    untrained   the same site of the network before training

A probe finds a fact only if it beats every control: the interval of each paired difference, widened for the number of
sites (Bonferroni), lies above 0. A bag that states the fact outright (`Target.told_by`) is shown but is no control.

Beside that stands each probe's score on a control task of labels that can only be learned by heart (`control_task`);
how far the fact's score exceeds it is its selectivity. Probes are refused fewer mazes than they have parameters.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, seeds
from maze_interp.mazes import MazeBatch, Mixture, World
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing import bilinear, targets
from maze_interp.probing.bench import (
    TEST,
    TRAIN,
    VALIDATION,
    Bench,
    Part,
    PerMaze,
    Splits,
    always_yes,
    bench,
    fit,
    majority,
    score,
)
from maze_interp.probing.bilinear import Bilinear
from maze_interp.probing.compared import (
    ALWAYS,
    BOTH,
    CELLS,
    INPUTS,
    MAJORITY,
    MODEL,
    SHUFFLED,
    TASK,
    TOKENS,
    UNTRAINED,
    Found,
    Tried,
    best_of,
    claims,
    compare,
    mean_of,
    selectivity,
)
from maze_interp.probing.control_task import control_task
from maze_interp.probing.features import Progress, bag, read, sites_of, width
from maze_interp.probing.linear import Fit
from maze_interp.probing.pairing import pair
from maze_interp.probing.positions import Asked, ask
from maze_interp.probing.recipe import BILINEAR, Probe, ProbeRecipe, ProbeResult, name_of
from maze_interp.tokens import Tokenizer

SPLITS = ("training", "validation", "test")


def split(
    world: World | Mixture,
    tokenizer: Tokenizer,
    recipe: ProbeRecipe,
    *,
    seed: int,
    solved: Callable[[MazeBatch, int], Bool[np.ndarray, " maze"]] | None = None,
) -> Splits:
    """Samples of mazes to fit to, to choose the penalty on and to score on.

    `solved` says which mazes the model walks, behind the prompts that are read: it is told their seed.
    """
    parts = []
    for which, count in ((mazes.TRAIN, recipe.mazes), (mazes.VALIDATION, recipe.unseen), (mazes.TEST, recipe.unseen)):
        own = seeds.derive(seed, "probe", which)
        batch = mazes.take(world, count, seed=own, split=which)[0]
        told = solved(batch, own) if solved and "solved" in recipe.targets else None
        parts.append(ask(tokenizer, batch, recipe.position, seed=own, solved=told))
    return parts[0], parts[1], parts[2]


def refusals(model: HookedTransformer, asked: Splits, recipe: ProbeRecipe) -> dict[str, str]:
    """The targets of a recipe for which no probe of this model can be fitted to these samples, and why."""
    widest = max(width(site, model) for site in sites_of(recipe.sites, model.cfg.n_layers, model.cfg.n_heads))
    needed = bilinear.parameters(widest, recipe.rank) if recipe.method == BILINEAR else widest + 1
    reasons = {name: bilinear.refused(name) if recipe.method == BILINEAR else "" for name in recipe.targets}
    left = [name for name, reason in reasons.items() if not reason]
    truth = [targets.labels(one, left) for one in asked] if left else []
    for name in left:
        nowhere = [split for split, one in zip(SPLITS, truth, strict=True) if np.isnan(one.values[name]).all()]
        reasons[name] = targets.refused(name, asked[TRAIN], truth[TRAIN], needed) or (
            f"the target {name!r} exists in none of the {nowhere[0]} mazes" if nowhere else ""
        )
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
    """Fit and score every target of the recipe at every site. `progress` counts mazes read, of both models, and those
    that bilinear probes are fitted to.

    Raises ValueError for a site the model lacks, for a position that a bilinear probe cannot be asked at, and for a
    target that is constant, is nowhere, or has fewer mazes to be fitted to than its probe has parameters.
    """
    for reason in refusals(model, asked, recipe).values():
        raise ValueError(reason)
    sites = sites_of(recipe.sites, model.cfg.n_layers, model.cfg.n_heads)
    of_bags = "ridge" if recipe.method == BILINEAR else recipe.method
    on = bench(asked, recipe.targets, method=of_bags, penalties=recipe.penalties, seed=seed)
    task = control_task(on, seed=seed)
    found: Found = {(MAJORITY, ""): score(on, majority(on)), (ALWAYS, ""): always_yes(on)}
    for name in INPUTS:
        bags = [_bag(name, one, model.maze_tokenizer) for one in asked]
        found[name, ""] = score(on, fit(on, bags).predict(bags[TEST]))
    networks = untrained, model
    if recipe.method == BILINEAR:
        read_off, tried = _paired(networks, (on, task), sites, recipe.rank, seed, progress)
    else:
        read_off, tried = _linear(networks, (on, task), sites, progress)
    found |= read_off
    best = {name: best_of(probes) for name, probes in tried.items()}
    chosen = selectivity(found, seed=seed)
    return ProbeResult(recipe, *compare(found, seed=seed), best, claims(found, tried, seed=seed), chosen)


def _bag(name: str, asked: Asked, tokenizer: Tokenizer) -> Part:
    parts = (TOKENS, CELLS) if name == BOTH else (name,)
    return np.concatenate([bag(part, asked, tokenizer) for part in parts], axis=1)


def _linear(
    networks: tuple[HookedTransformer, HookedTransformer],
    benches: tuple[Bench, Bench],
    sites: list[Site],
    progress: Progress | None,
) -> tuple[Found, Tried]:
    """The scores of linear probes of the untrained and of the trained network at each site, and the latter's best.

    The benches are that of the facts and that of their control task.
    """
    on, task = benches
    found: Found = {}
    tried: Tried = {}
    untrained, model = networks
    for site, features in _read(untrained, on.asked, sites, progress, first=True).items():
        found[UNTRAINED, name_of(site)] = score(on, fit(on, features).predict(features[TEST]))
    for site, features in _read(model, on.asked, sites, progress, first=False).items():
        fitted, outputs = fit(on, features), on.truth[TEST].outputs.shape[1]
        predicted = fitted.predict(features[TEST])
        found[MODEL, name_of(site)] = score(on, predicted)
        found[SHUFFLED, name_of(site)] = score(on, predicted[:, outputs:])
        found[TASK, name_of(site)] = score(task, fit(task, features).predict(features[TEST]))
        fits = {name: fitted.part(columns) for name, columns in on.truth[TEST].columns.items()}
        validated = score(on, fitted.predict(features[VALIDATION]), VALIDATION)
        _keep(tried, site, fits, validated, found[MODEL, name_of(site)])
    return found, tried


def _paired(
    networks: tuple[HookedTransformer, HookedTransformer],
    benches: tuple[Bench, Bench],
    sites: list[Site],
    rank: int,
    seed: int,
    progress: Progress | None,
) -> tuple[Found, Tried]:
    """The same of bilinear probes; of the trained network a third is fitted to shuffled labels, a third to the task."""
    on, task = benches
    found: Found = {}
    tried: Tried = {}
    each, fits = sum(len(one.mazes) for one in on.asked), len(on.asked[TRAIN].mazes) * len(sites) * len(on.spread)
    for features, network in zip((UNTRAINED, MODEL), networks, strict=True):
        told = _told(progress, each + fits if features == MODEL else 0, 2 * each + 4 * fits)
        beside = task if features == MODEL else None
        for one in pair(network, on, sites, rank=rank, seed=seed, task=beside, progress=told):
            found[features, name_of(one.site)] = score(on, one.test)
            if one.shuffled is not None and one.task is not None:
                found[SHUFFLED, name_of(one.site)] = score(on, one.shuffled)
                found[TASK, name_of(one.site)] = score(task, one.task)
                validated = score(on, one.validation, VALIDATION)
                _keep(tried, one.site, one.fits, validated, found[MODEL, name_of(one.site)])
    return found, tried


def _read(
    model: HookedTransformer, asked: Splits, sites: list[Site], progress: Progress | None, *, first: bool
) -> dict[Site, list[Part]]:
    """Each site's features of the three splits; `first` of two such readings, as `progress` is told."""
    each = sum(len(one.mazes) for one in asked)
    before = 0 if first else each
    parts = []
    for one in asked:
        parts.append(read(model, one, sites, progress=_told(progress, before, 2 * each)))
        before += len(one.mazes)
    return {site: [part[site] for part in parts] for site in sites}


def _told(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of a part of the work, `before` which so much was done."""
    return (lambda done, _: progress(before + done, total)) if progress else None


def _keep(
    tried: Tried,
    site: Site,
    fits: Mapping[str, Fit | Bilinear],
    validated: dict[str, PerMaze],
    scored: dict[str, PerMaze],
) -> None:
    """Put each target's probe of this site into `tried`."""
    for name, one in fits.items():
        tried.setdefault(name, []).append((mean_of(validated[name]), Probe(name, site, one, mean_of(scored[name]))))
