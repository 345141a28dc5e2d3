"""What does the model know about the maze, where, and from which layer on? Linear probes beside their controls.

Predictions, made before anything was measured: passages can be read from the residual stream beyond every control, as
published without these controls; they are read best before the last layer; and what lies ahead can be read beyond what
current, goal and start cell tell, the less so the farther ahead. A fact is found at a site only if its probe beats the
majority of each slot, shuffled labels, a bag of the tokens read, the edges they named, the three cells, tokens
and cells together, and the untrained network, each difference's interval widened for the number of sites.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, models, probing, recipes, seeds, training
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.read_maze_charts import drawn
from maze_interp.experiments.read_maze_page import findings
from maze_interp.experiments.read_maze_saved import decode
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.probing import ProbeRecipe


@dataclass(frozen=True)
class Settings:
    """The run to read and how: by `probe`, or by the probe recipe in a TOML file. `save` is a folder for the probes.

    `probes` is a folder that such probes were saved in: nothing is fitted, and mazes are decoded by them.
    """

    run: str = ""
    recipe: str = ""
    save: str = ""
    probes: str = ""
    seed: int = 0
    probe: ProbeRecipe = field(default_factory=ProbeRecipe)


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Every target at every site of a run's model. `progress` counts mazes walked (where `solved` is asked), then read
    by the model and its control.

    Raises ValueError for saved probes given beside what to fit and to save.
    """
    trained = training.open_run(settings.run)
    model, untrained = trained.model(), trained.model(0)
    seed = seeds.derive(settings.seed, "read maze")
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    if settings.probes:
        if settings.save or settings.recipe or settings.probe != ProbeRecipe():
            raise ValueError("give saved probes to decode mazes with, or what to fit and where to save it, not both")
        return decode(settings.probes, model, world, seed=seed, progress=progress)
    recipe = _recipe(settings)
    walks = recipe.mazes + 2 * recipe.unseen if "solved" in recipe.targets else 0
    solved = _walker(model, (lambda done: progress(done, 3 * walks)) if progress else None)
    asked = probing.split(world, model.maze_tokenizer, recipe, seed=seed, solved=solved)
    left_out = probing.refusals(model, asked, recipe)
    kept = tuple(name for name in recipe.targets if name not in left_out)
    if not kept:
        raise ValueError("; ".join(left_out.values()))
    recipe = replace(recipe, targets=kept)
    told = (lambda done, count: progress(walks + done, walks + count)) if progress else None
    result = probing.probe(model, untrained, asked, recipe, seed=seed, progress=told)
    if settings.save:
        probing.save(result, model, asked[0].mazes.rows, asked[0].mazes.cols, settings.save)
    return findings(result, left_out, drawn(result, model, asked[2]), (asked[2].mazes.rows, asked[2].mazes.cols))


def _walker(
    model: HookedTransformer, progress: Callable[[int], None] | None
) -> Callable[[MazeBatch, int], Bool[np.ndarray, " maze"]]:
    """Says which mazes the model walks behind prompts of a seed; `progress` is told of how many in all calls."""
    before = 0

    def solved(batch: MazeBatch, seed: int) -> Bool[np.ndarray, " maze"]:
        nonlocal before
        told = (lambda done, _, before=before: progress(before + done)) if progress else None
        walked = models.rollout(model, batch, seed=seed, progress=told)
        before += len(batch)
        return mazes.paths.optimal(batch, walked)

    return solved


def _recipe(settings: Settings) -> ProbeRecipe:
    if settings.recipe and settings.probe != ProbeRecipe():
        raise ValueError("give a probe recipe's file or settings of probe, not both")
    return recipes.load(ProbeRecipe, settings.recipe) if settings.recipe else settings.probe
