"""How far does the model see, layer by layer: does what it knows spread from a cell as a search would?

At <PATH_START>, at one token of each path and at its forks, linear probes read after every layer which passages there
are, which cells lie in the right branch, and how far away cells are; what they score is taken apart by the distance
from the current cell, from the goal and from the start. Predictions, made before anything was measured: backward
chaining lets the radius around the goal grow by one step a layer, the merging of paths doubles it, and a model without
search knows no more than its controls, whatever the distance.
"""

from dataclasses import dataclass, replace

from maze_interp import mazes, probing, seeds, training
from maze_interp.experiments import wavefront_page as page
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.probing.wavefront import LEAST


@dataclass(frozen=True)
class Settings:
    """The run to read; on how many mazes probes are fitted (`mazes`), and chosen and scored (`unseen` each).

    `threshold` is the share of what the strongest control leaves to know that must be gained within the radius.
    """

    run: str = ""
    mazes: int = 2000
    unseen: int = 1000
    threshold: float = 0.25
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Radii of every fact from every source at every place, and how they grow. `progress` counts mazes read, twice."""
    trained = training.open_run(settings.run)
    if not 0 < settings.threshold < 1:
        raise ValueError(f"the threshold is a share above 0 and below 1, not {settings.threshold}")
    seed = seeds.derive(settings.seed, "wavefront")
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    parts = ((mazes.TRAIN, settings.mazes), (mazes.VALIDATION, settings.unseen), (mazes.TEST, settings.unseen))
    drawn = [
        mazes.take(world, count, seed=seeds.derive(seed, "mazes", split), split=split)[0] for split, count in parts
    ]
    seen = probing.watch(trained.model(), trained.model(0), drawn, seed=seed, progress=progress)
    if not seen:
        raise ValueError(f"{settings.unseen} test mazes are too few: of no fact do {LEAST} have each answer")
    return page.findings(seen, settings.mazes, settings.unseen, settings.threshold)
