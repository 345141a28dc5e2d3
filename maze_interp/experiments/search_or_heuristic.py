"""Search or heuristics? What five hypotheses predict of a walker's choices, and what its choices say to that.

It memorises, it follows a local heuristic, it searches only so far, it searches, it gives up: `behaviour.evidence` says
what each predicts and measures it, `behaviour.verdict` says when a prediction holds, by the same rules for everybody.
The rules were revised once, after a first look at two models, because they misjudged walkers whose ways are known: what
far means, and how a limited search and giving up are told. The same page is made for such walkers (`walker=oracle`,
`baseline`, any of POLICIES, or `untrained`), and its verdict on them is what makes the verdict on a model believable.
A search, here, is anything whose choices follow the far end of the maze as a search's do; how that is done inside is
not asked.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from maze_interp import behaviour, mazes, models, recipes, seeds, training
from maze_interp.behaviour import POLICIES, Walker, evidence, shifts
from maze_interp.behaviour.evidence import Evidence
from maze_interp.behaviour.shifts.measuring import attempt
from maze_interp.experiments import published
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.verdict_page import page
from maze_interp.training import TrainingRun

MODEL, UNTRAINED = "model", "untrained"


@dataclass(frozen=True)
class Settings:
    """The run whose test mazes are asked about, and who walks them: "model", "untrained", or one of POLICIES."""

    run: str = ""
    walker: str = MODEL
    mazes: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.walker not in (MODEL, UNTRAINED, *POLICIES):
            raise recipes.unknown("walker", self.walker, (MODEL, UNTRAINED, *POLICIES))


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The verdict on one walker. `progress` counts stages of the work."""
    trained = training.open_run(settings.run)
    seed = seeds.derive(settings.seed, "search or heuristic")
    walker = walker_of(trained, settings.walker, seed=seed)
    unread = held_out_mazes(trained, settings.mazes, seed=seed)
    solutions = mazes.solve(unread, seed=seed)
    asked = evidence.ask(walker, unread, solutions)
    walked = walker.walk(unread)
    generator, elsewhere = other_mazes(trained, max(1, settings.mazes // 2), seed=seed)
    pieces = [
        lambda: memory_of(trained, walker, unread, seed=seed),
        lambda: evidence.from_rules(asked, seed=seed),
        lambda: evidence.from_look_ahead(asked, seed=seed),
        lambda: evidence.from_horizons(asked, seed=seed),
        lambda: evidence.from_edits(walker, asked, trained.recipe.model.tokenizer, seed=seed),
        lambda: evidence.from_elsewhere(walker, elsewhere, generator, seed=seed),
        lambda: cut_off(trained, walker, max(1, settings.mazes // 4), seed=seed),
    ]
    found = []
    for done, piece in enumerate(pieces, start=1):
        found.append(piece())
        if progress is not None:
            progress(done, len(pieces))
    rules = behaviour.evaluate(unread, walked, solutions, seed=seed, metrics=("exact", "optimal", "valid"))
    beside = published.beside(trained, walker, seed=seed)
    size = sum(weight.numel() for weight in trained.model().parameters()) if settings.walker == MODEL else None
    return page(
        walker.name,
        found,
        rules,
        distinct=len(np.unique(mazes.passage_hash(unread.passages))),
        beside={"published": beside} if beside else {},
        said=list(published.sentences(beside, walker.name, size)),
    )


def walker_of(trained: TrainingRun, name: str, *, seed: int) -> Walker:
    """The run's model, its network before training, or a solver."""
    if name == MODEL:
        return behaviour.of_model(trained.model(), seed=seed, name=trained.recipe.name)
    if name == UNTRAINED:
        return behaviour.of_model(models.build(trained.recipe.model, seed=trained.recipe.seed), seed=seed, name=name)
    return behaviour.of_policy(POLICIES[name], seed=seed, name=name)


def memory_of(trained: TrainingRun, walker: Walker, unread: mazes.MazeBatch, *, seed: int) -> Evidence:
    """The evidence from mazes read in training; undecided for a model of whose training nothing is known."""
    if training.trained_elsewhere(trained):
        says = "share of mazes solved, read in training less unread, but which it read is not known"
        return Evidence([evidence.unasked(evidence.MEMORISES, "read - unread", says, 0.05)])
    return evidence.from_memory(walker, training.mazes_read(trained), unread, seed=seed)


def cut_off(trained: TrainingRun, walker: Walker, count: int, *, seed: int) -> Evidence:
    """The evidence from mazes whose goal is cut off; undecided where none can be, as there is always a way round."""
    home, made = shifts.home_of(trained.recipe), []
    for name in ("goal_cut_off", "branch_cut_off"):
        one = attempt(partial(shifts.shifted, name, home, count, seed=seed))
        if isinstance(one, str):
            says = f"share of paths that break the rules where the goal is cut off, but {one}"
            return Evidence([evidence.unasked(evidence.GIVES_UP, "rules broken, cut off", says, 0.25)])
        made.append(one.mazes)
    return evidence.from_cut_off(walker, *made)


def other_mazes(trained: TrainingRun, count: int, *, seed: int) -> tuple[str, mazes.MazeBatch]:
    """(generator, test mazes of the run's world but for their generator, which is one that it does not use)."""
    world = trained.recipe.world
    used = {one.generator for one in (world.worlds.values() if isinstance(world, mazes.Mixture) else [world])}
    name = next(name for name in ("wilson", "depth_first", *mazes.GENERATORS) if name not in used)
    other = mazes.each(world, lambda one: replace(one, generator=name, knobs={}, min_length=max(2, one.min_length)))
    return name, mazes.take(other, count, seed=seed, split=mazes.TEST)[0]
