"""What comes first in training: does the model hold the maze, or its heads their names, before it walks it?

At every checkpoint of one run the same test mazes are walked, read by probes and looked at by heads: loss, exact and
valid paths, probes beside their controls, and the strongest adjacency and connectivity head, all on one plot, with the
point at which each of them changes. Predictions, made before anything was measured: the heads that join the ends of
edges come first, the passages can be read beyond the controls before mazes are walked, and walking comes last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from maze_interp import attention, behaviour, mazes, models, probing, seeds, training
from maze_interp.experiments import emergence_page as page
from maze_interp.experiments.emergence_charts import EXACT, LOSS, VALID, Course
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.models import HookedTransformer
from maze_interp.probing import Asked, Bench, ProbeRecipe
from maze_interp.training import TrainingRun

HEADS = ("adjacency", "connectivity")
BOTH = "tokens and cells"
PENALTIES = (1e-4, 1e-2, 1e-1, 1.0)
CHOOSING = 60  # validation mazes on which the strongest head is found
FEWEST = 4  # checkpoints after the first step, on which a change can be found
PerMaze = Float[np.ndarray, " maze"]


@dataclass(frozen=True)
class Settings:
    """The run; on how many test mazes it is measured, and on how many training mazes probes are fitted (`learn`).

    Probes of `targets` read the residual stream after every layer at `position`.
    """

    run: str = ""
    mazes: int = 300
    learn: int = 1000
    targets: tuple[str, ...] = ("passage", "next_step")
    position: str = "path_start"
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Every measure at every checkpoint, and the order of their changes. `progress` counts checkpoints."""
    trained = training.open_run(settings.run)
    steps = list(trained.checkpoints)
    if sum(step > 0 for step in steps) < FEWEST:
        raise ValueError(f"a change needs {FEWEST} checkpoints after step 0, and {trained.folder} has those of {steps}")
    seed = seeds.derive(settings.seed, "emergence")
    on = _bench(trained, settings, seed)
    measured = []
    for done, step in enumerate(steps, start=1):
        measured.append(_measured(trained.model(step), on, settings.targets, seed))
        if progress is not None:
            progress(done, len(steps))
    values = {name: np.stack([one[name] for one in measured], axis=1).astype(float) for name in measured[0]}
    read = np.array(steps) * trained.recipe.mazes_per_step
    course = Course(read, values, _controls(trained.model(), on, settings.targets))
    return page.findings(course, settings.learn, settings.position, seed=seed)


def _bench(trained: TrainingRun, settings: Settings, seed: int) -> Bench:
    """Probes' mazes to fit to, to choose on and to score on. Raises ValueError for targets that cannot be fitted."""
    model = trained.model()
    recipe = ProbeRecipe(
        targets=settings.targets, position=settings.position, sites=("resid_post",), mazes=settings.learn,
        unseen=settings.mazes,
    )  # fmt: skip
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    asked = probing.split(world, model.maze_tokenizer, recipe, seed=seed)
    for reason in probing.refusals(model, asked, recipe).values():
        raise ValueError(reason)
    return probing.bench(asked, settings.targets, method="ridge", penalties=PENALTIES, seed=seed)


def _measured(model: HookedTransformer, on: Bench, targets: Sequence[str], seed: int) -> dict[str, PerMaze]:
    """All measures of one checkpoint on each test maze."""
    test = on.asked[2]
    walked = models.rollout(model, test.mazes, seed=seed)
    made = behaviour.predictions(models.forced_logits(model, test.tokens), test.tokens)
    return {
        LOSS: behaviour.FORCED["loss"](made, test.mazes, model.maze_tokenizer),
        EXACT: mazes.paths.exact(walked, test.paths),
        VALID: mazes.paths.valid(test.mazes, walked),
        **_probed(model, on, targets),
        **_heads(model, on.asked[1], test, seed),
    }


def _probed(model: HookedTransformer, on: Bench, targets: Sequence[str]) -> dict[str, PerMaze]:
    """Each target's score after the layer where validation mazes are read best."""
    sites = probing.sites_of(["resid_post"], model.cfg.n_layers, model.cfg.n_heads)
    read = [probing.read(model, one, sites) for one in on.asked]
    chosen, best = {}, dict.fromkeys(targets, -np.inf)
    for site in sites:
        fitted = probing.fit(on, [part[site] for part in read])
        unseen = probing.score(on, fitted.predict(read[1][site]), 1)
        scored = probing.score(on, fitted.predict(read[2][site]))
        for name in targets:
            if np.nanmean(unseen[name]) > best[name]:
                best[name], chosen[f"{name} probe"] = float(np.nanmean(unseen[name])), scored[name]
    return chosen


def _heads(model: HookedTransformer, unseen: Asked, test: Asked, seed: int) -> dict[str, PerMaze]:
    """The share of attention beyond chance of each score's strongest head, which validation mazes choose."""
    scores = {name: attention.SCORES[name] for name in HEADS}
    some = slice(0, CHOOSING)
    choosing = attention.score_heads(model, unseen.mazes[some], unseen.paths[some], seed=seed, scores=scores).beyond
    scored = attention.score_heads(model, test.mazes, test.paths, seed=seed, scores=scores).beyond
    found = {}
    for name, by_head, per_maze in zip(HEADS, np.nanmean(choosing, axis=1), scored, strict=True):
        layer, head = np.unravel_index(by_head.argmax(), by_head.shape)
        found[f"{name} head"] = per_maze[:, layer, head]
    return found


def _controls(model: HookedTransformer, on: Bench, targets: Sequence[str]) -> dict[str, tuple[str, PerMaze]]:
    """Of each probe the bag of the input that does best on validation mazes, and its scores on the test mazes.

    A bag that states the fact outright is none.
    """
    bags = {name: [probing.BAGS[name](one, model.maze_tokenizer) for one in on.asked] for name in probing.BAGS}
    bags[BOTH] = [np.concatenate([bags["tokens"][which], bags["cells"][which]], axis=1) for which in range(3)]
    fits = {name: probing.fit(on, parts) for name, parts in bags.items()}
    scores = {
        name: [probing.score(on, fits[name].predict(parts[which]), which) for which in (1, 2)]
        for name, parts in bags.items()
    }
    best = {}
    for target in targets:
        allowed = [name for name in bags if name not in probing.TARGETS[target].told_by]
        name = max(allowed, key=lambda name: np.nanmean(scores[name][0][target]))
        best[f"{target} probe"] = name, scores[name][1][target]
    return best
