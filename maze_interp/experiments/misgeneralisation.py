"""Which goal did a model learn that saw its goals in a corner only: the goal it is told, or the corner?

Tested are mazes with goals anywhere, where the shortest ways to the goal and to the top right corner part: the walker
is led to the cell at which they do and asked for its next step. Predictions: with goals that were always in the top
right k x k cells a model goes for the corner when it is told another goal, the more so the smaller k; with goals
anywhere it goes for the goal. `run` may name several runs, separated by commas, which differ in k alone.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import behaviour, figures, mazes, models, seeds, tables, training
from maze_interp.behaviour.parting import Partings, partings, seeking, taken, told_by_distance
from maze_interp.behaviour.walkers import Walker, of_model, of_policy
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.mazes import MazeBatch, Mixture, PathBatch, World
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

SHARES = ("to the goal", "to the corner", "to neither")


@dataclass(frozen=True)
class Settings:
    """The runs to test (separated by commas), and on how many test mazes; about half of them have a parting."""

    run: str = ""
    mazes: int = 2000
    seed: int = 0


@dataclass(frozen=True)
class Question:
    """Test mazes in which the ways part, their solutions, and where."""

    mazes: MazeBatch
    solutions: PathBatch
    parted: Partings
    corner: int


@dataclass(frozen=True)
class Subject:
    """A walker and the side of the block its goals were in when it was trained; 0 for goals anywhere or no training."""

    walker: Walker
    block: int
    trained: bool


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Shares of goal, corner and neither for each run beside its controls. `progress` counts walkers."""
    runs = {name: training.open_run(folder) for name, folder in _named(settings.run).items()}
    world = _world(runs)
    seed = seeds.derive(settings.seed, "misgeneralisation")
    drawn = mazes.take(world, settings.mazes, seed=seed, split=mazes.TEST)[0]
    asked = _question(drawn, world.cols - 1, seed)
    subjects, rows, fits = _subjects(runs, asked.corner, seed), [], []
    for done, subject in enumerate(subjects, start=1):
        goal, corner = taken(subject.walker.choose(asked.mazes, asked.solutions), asked.parted)
        rows += _shares(subject, asked, goal, corner, seed)
        if subject.trained:
            fits += told_by_distance(asked.parted, goal > corner, seed=seed, walker=subject.walker.name)
        if progress is not None:
            progress(done, len(subjects))
    telling = {one.walker.name: "new" if one.block else "anywhere" for one in subjects}
    shown = {(row.what["walker"], row.measure): row for row in rows if row.what["goals"] == telling[row.what["walker"]]}
    told = [_sentence(subject, shown, fits) for subject in subjects if subject.trained]
    return Findings(
        heading="The goal or the corner",
        sentences=[_asked(len(drawn), asked), *told, _controls(subjects, shown)],
        tables={"shares": rows, "regression": fits},
        figures=_figures(subjects, shown),
        numbers={
            **{f"{row.what['walker']}: {row.measure}{_of(row)}": row.value for row in rows},
            **{f"{row.what['walker']}: {row.measure} of {row.what['features']}": row.value for row in fits},
            "test_mazes": len(drawn),
            "partings": len(asked.parted),
        },
    )


def _of(row: Row) -> str:
    return "" if row.what["goals"] == "anywhere" else f", goals {row.what['goals']}"


def _named(given: str) -> dict[str, str]:
    """The folders by a short name: their own, unless two have the same."""
    folders = [folder.strip() for folder in given.split(",")]
    short = Counter(Path(folder).name for folder in folders)
    return {Path(folder).name if short[Path(folder).name] == 1 else folder: folder for folder in folders}


def _world(runs: dict[str, TrainingRun]) -> World:
    """The runs' world with goals anywhere. Raises ValueError if it is a mixture or the runs differ in more than k."""
    worlds = {}
    for name, one in runs.items():
        if not isinstance(one.recipe.world, World):
            raise ValueError(f"{name} was trained on a mixture of worlds, which has no one block that goals were in")
        free = replace(one.recipe.world.endpoints, goal_block=0)
        worlds[name] = replace(one.recipe.world, endpoints=free, min_length=max(2, one.recipe.world.min_length))
    first, *_ = worlds
    for name, world in worlds.items():
        if world != worlds[first]:
            raise ValueError(f"{first} and {name} differ in more than their block of goals: {worlds[first]}, {world}")
    return worlds[first]


def _block(world: World | Mixture) -> int:
    """The side of the block that a world's goals are in; 0 if that is no bound."""
    side = world.endpoints.goal_block if isinstance(world, World) else 0
    return side if side < max(world.rows, world.cols) else 0


def _question(drawn: MazeBatch, corner: int, seed: int) -> Question:
    """Those of the mazes in which the ways to goal and corner part. Raises ValueError if there are none."""
    solutions = mazes.solve(drawn, seed=seed)
    which = partings(drawn, solutions, corner).maze
    if not len(which):
        raise ValueError(f"in none of {len(drawn)} test mazes do the ways to the goal and to the corner part")
    return Question(drawn[which], solutions[which], partings(drawn[which], solutions[which], corner), corner)


def _subjects(runs: dict[str, TrainingRun], corner: int, seed: int) -> list[Subject]:
    """The trained models, by growing block, and those of whom the answer is known."""
    blocks = {name: _block(one.recipe.world) for name, one in runs.items()}
    order = sorted(runs, key=lambda name: (blocks[name] == 0, blocks[name]))
    trained = [Subject(of_model(runs[name].model(), seed=seed, name=name), blocks[name], True) for name in order]
    recipe = runs[order[0]].recipe
    oracle = of_policy(behaviour.POLICIES["oracle"], seed=seed, name="seeks the goal")
    controls = [
        of_model(models.build(recipe.model, seed=recipe.seed), seed=seed, name="untrained"),
        of_policy(behaviour.POLICIES["baseline"], seed=seed, name="baseline"),
        oracle,
        seeking(oracle, corner, "seeks the corner"),
    ]
    return trained + [Subject(walker, 0, False) for walker in controls]


def _shares(
    subject: Subject,
    asked: Question,
    goal: Float[np.ndarray, " parting"],
    corner: Float[np.ndarray, " parting"],
    seed: int,
) -> list[Row]:
    """Means of the probabilities, over all goals and by whether goals had been there in training; where paths end."""
    taken_up = dict(zip(SHARES, (goal, corner, 1 - goal - corner), strict=True))
    row, col = np.divmod(asked.mazes.goal, asked.mazes.cols)
    inside = (row < subject.block) & (col >= asked.mazes.cols - subject.block)
    strata = {"anywhere": np.ones(len(inside), dtype=bool)}
    if subject.block:
        strata |= {"as in training": inside, "new": ~inside}
    rows = []
    for goals, mine in strata.items():
        what = {"walker": subject.walker.name, "goals": goals}
        rows += [tables.mean(name, share[mine], seed=seed, **what) for name, share in taken_up.items()]
        rows.append(tables.paired_difference("goal - corner", goal[mine], corner[mine], seed=seed, **what))
        rows += _ends(subject.walker, asked, mine, what) if goals == "anywhere" else []
    return rows


def _ends(walker: Walker, asked: Question, mine: Bool[np.ndarray, " maze"], what: dict[str, str]) -> list[Row]:
    """Where the paths end that the walker writes when nobody leads it."""
    paths = walker.walk(asked.mazes)
    last = paths.cells[np.arange(len(paths)), np.maximum(paths.length, 1) - 1]
    arrived = mazes.paths.ends_at_goal(asked.mazes, paths)
    return [
        tables.proportion("ends at the goal", arrived[mine], **what),
        tables.proportion("ends in the corner", ((last == asked.corner) & (paths.length > 0))[mine], **what),
    ]


def _asked(drawn: int, asked: Question) -> str:
    return (
        f"Of {drawn:,} test mazes with goals anywhere, {len(asked.parted):,} have a cell at which the shortest ways to "
        "the goal and to the top right corner part. Shares are of the probability of the next step there. Predicted: a "
        "model whose goals were always in the top right block goes for the corner when it is told another goal, the "
        "more so the smaller the block; a model whose goals were anywhere goes for the goal."
    )


def _sentence(subject: Subject, shown: dict[tuple[str, str], Row], fits: list[Row]) -> str:
    """What one trained model does, whether that was predicted, and what distances say of it."""
    name = subject.walker.name
    gap, goal, corner, neither = (shown[name, measure] for measure in ("goal - corner", *SHARES))
    where = f"in the top right {subject.block} x {subject.block}" if subject.block else "anywhere"
    told = f"{gap.n:,} goals it had never had" if subject.block else f"{gap.n:,} goals"
    if not gap.n:
        return f"{name}, trained with goals {where}: the ways to a goal it had never had part in no test maze."
    low, high = (gap.value, gap.value) if np.isnan(gap.low) else (gap.low, gap.high)
    clear = high < 0 if subject.block else low > 0
    opposite = low > 0 if subject.block else high < 0
    outcome = "as predicted" if clear else "against the prediction" if opposite else "which decides nothing"
    said = (
        f"{name}, trained with goals {where}: for {told} it puts {goal.value:.1%} on the way to the goal, "
        f"{corner.value:.1%} on the way to the corner and {neither.value:.1%} on neither; the difference of the first "
        f"two is {gap.value:+.3f} ({low:+.3f} to {high:+.3f}), {outcome}."
    )
    accuracy = {row.what["features"]: row for row in fits if (row.what["walker"], row.measure) == (name, "accuracy")}
    if not accuracy:
        return said
    return (
        f"{said} One of the two is the likelier in {accuracy['none'].value:.1%} of all mazes; which it is, three "
        f"distances predict in {accuracy['three'].value:.1%} ({accuracy['three'].low:.1%} to "
        f"{accuracy['three'].high:.1%})."
    )


def _controls(subjects: list[Subject], shown: dict[tuple[str, str], Row]) -> str:
    said = [
        f"{one.walker.name} {shown[one.walker.name, SHARES[0]].value:.1%} and "
        f"{shown[one.walker.name, SHARES[1]].value:.1%}"
        for one in subjects
        if not one.trained
    ]
    return f"Controls, on the way to the goal and on the way to the corner: {'; '.join(said)}."


def _figures(subjects: list[Subject], shown: dict[tuple[str, str], Row]) -> dict[str, figures.Figure | figures.Html]:
    labels = {
        one.walker.name: f"{one.walker.name} ({one.block} x {one.block})" if one.block else one.walker.name
        for one in subjects
    }
    rows = [replace(shown[name, share], what={"walker": label}) for name, label in labels.items() for share in SHARES]
    return {
        "shares": figures.intervals(
            rows,
            title="Where the ways part: the goal, the corner or neither",
            x="probability of the next step; in brackets the block of goals in training, outside which those asked lie",
            by="walker",
            group="measure",
            share=True,
        )
    }
