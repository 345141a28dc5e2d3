"""Does the model walk its mazes? Rollouts and forced predictions on mazes whose passages it never saw.

The same test mazes are walked by the trained model, by the same network before training, and by a random walker: the
controls that say what a metric is worth when nothing was learned. Prediction: an untrained network solves nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from maze_interp import behaviour, figures, mazes, models, seeds, training
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.mazes import MazeBatch, Mixture, PathBatch, World
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

SHOWN = 6  # mazes of each kind in the gallery
ARRAYS = ("passages", "start", "goal")
CHARTED = ("exact", "valid", "target_reached", "optimal", "node_overlap", "fork_accuracy", "first_fork")


@dataclass(frozen=True)
class Settings:
    """The run to test, on how many test mazes, with how long a shortest path at least (in cells)."""

    run: str = ""
    mazes: int = 1000
    min_length: int = 0
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None, *, line: Sequence[TrainingRun] | None = None) -> Findings:
    """Behaviour of a trained run beside its controls. `progress` counts the trained model's rollouts; `line` is the run
    with those it began from, where its recipe does not find them."""
    trained = training.open_run(settings.run)
    line = training.seen.lineage(trained) if line is None else line
    model, recipe = trained.model(), trained.recipe
    seed = seeds.derive(settings.seed, "behaviour")
    held_out = held_out_mazes(trained, settings.mazes, seed=seed, min_length=settings.min_length, line=line)
    solutions = mazes.solve(held_out, seed=seed)
    walked = models.rollout(model, held_out, seed=seed, progress=progress)
    untrained = models.build(recipe.model, seed=recipe.seed)
    controls = {
        "untrained": models.rollout(untrained, held_out, seed=seed),
        "random walk": behaviour.random_walk(held_out, seed=seed),
    }
    rollouts = [
        row
        for who, paths in {"trained": walked, **controls}.items()
        for row in behaviour.evaluate(held_out, paths, solutions, seed=seed, walker=who)
    ]
    tokens = model.maze_tokenizer.encode(held_out, solutions, seed=seed)
    logits = models.forced_logits(model, tokens)
    made = behaviour.predictions(logits, tokens)
    by_part = _by_part(trained, line, len(held_out), seed, progress)
    seen = training.mazes_seen(trained)
    tested = np.unique(mazes.passage_hash(held_out.passages))
    leaked, before = (int(np.isin(tested, read).sum()) for read in (seen.hashes, training.seen.mazes_behind(line)))
    shares = {row.measure: row for row in rollouts if row.what["walker"] == "trained"}
    return Findings(
        heading="Behaviour on unseen mazes",
        sentences=[
            *_sentences(shares, rollouts, seen, len(tested), leaked, recipe.loss),
            *_before(line, before),
            *_of_parts(by_part),
        ],
        tables={
            "rollouts": rollouts,
            "published_tasks": behaviour.score_tasks(logits, tokens, seed=seed),
            "teacher_forced": behaviour.score_forced(made, held_out, model.maze_tokenizer, seed=seed),
            **({"worlds": by_part} if by_part else {}),
        },
        figures={
            "metrics": _metrics(rollouts, shares["exact"]),
            **galleries(held_out, walked, solutions),
            **_worlds(by_part),
        },
        numbers={
            **{row.measure: row.value for row in shares.values()},
            "untrained_exact": next(
                r.value for r in rollouts if r.what["walker"] == "untrained" and r.measure == "exact"
            ),
            **{f"exact, {row.what['world']}": row.value for row in _exact(by_part, "trained")},
            "test_mazes": len(held_out),
            "test_mazes_distinct": len(tested),
            **(_reading(seen, leaked) if seen.read else {}),
            **({"test_mazes_seen_by_its_line": before} if len(line) > 1 else {}),
        },
    )


def _metrics(rollouts: list[Row], exact: Row) -> figures.Figure:
    return figures.intervals(
        [row for row in rollouts if row.measure in CHARTED],
        title=f"{exact.value:.1%} of unseen mazes are walked exactly",
        x="share (of mazes; of a maze's cells or forks), 95% interval",
        group="walker",
        share=True,
    )


def _by_part(
    trained: TrainingRun, line: Sequence[TrainingRun], count: int, seed: int, progress: Progress | None
) -> list[Row]:
    """Each world of a mixture walked by itself, on the mixture's lattice and at its places, beside a random walk; about
    `count` mazes in all, which `progress` counts. Nothing of a single world, nor of one that has no test mazes."""
    world, model = trained.recipe.world, trained.model()
    if isinstance(world, World):
        return []
    each, asked = -(-count // len(world.worlds)), {}
    for name, one in world.worlds.items():
        alone = replace(world, worlds={name: one}, weights={name: 1.0})
        with suppress(ValueError):  # so few mazes that none is of the test split
            asked[name] = held_out_mazes(trained, each, seed=seed, world=alone, line=line)
    rows = []
    for place, (name, some) in enumerate(asked.items()):
        solutions = mazes.solve(some, seed=seed)
        told = partial(_later, progress, place * each, each * len(asked))
        paths = {
            "trained": models.rollout(model, some, seed=seed, progress=told),
            "random walk": behaviour.random_walk(some, seed=seed),
        }
        for who, walked in paths.items():
            rows += behaviour.evaluate(some, walked, solutions, seed=seed, world=name, walker=who)
    return rows


def _later(progress: Progress | None, before: int, whole: int, done: int, _: int) -> None:
    if progress is not None:
        progress(before + done, whole)


def _exact(by_part: list[Row], walker: str) -> list[Row]:
    return [row for row in by_part if row.measure == "exact" and row.what["walker"] == walker]


def _worlds(by_part: list[Row]) -> dict[str, figures.Figure]:
    if not by_part:
        return {}
    rows = [row for walker in ("trained", "random walk") for row in _exact(by_part, walker)]
    best, worst = (by(rows[: len(rows) // 2], key=lambda row: row.value) for by in (max, min))
    title = f"Walked exactly: {best.value:.0%} of {best.what['world']}, {worst.value:.0%} of {worst.what['world']}"
    x = "share of mazes walked exactly, 95% interval"
    return {"worlds": figures.intervals(rows, title=title, x=x, by="world", group="walker", share=True)}


def _of_parts(by_part: list[Row]) -> list[str]:
    """How often each world of a mixture is walked exactly."""
    if not by_part:
        return []
    shares = zip(_exact(by_part, "trained"), _exact(by_part, "random walk"), strict=True)
    listed = "; ".join(f"{mine.what['world']} {mine:.1%}, a random walk {chance.value:.1%}" for mine, chance in shares)
    return [f"By world of the mixture, walked exactly: {listed}."]


def held_out_mazes(
    trained: TrainingRun,
    count: int,
    *,
    seed: int,
    min_length: int = 0,
    world: World | Mixture | None = None,
    line: Sequence[TrainingRun] | None = None,
) -> MazeBatch:
    """Mazes of the run's world (or another) that belong to the test split; `min_length` 0 leaves its own, at least 2.

    A path of one cell asks for no step, so nothing about walking can be read from it. A run whose mazes were drawn by
    another split keeps them, and what it read is no test of it, nor of one that began with its weights: those are left
    out. Raises ValueError if it read all.
    """
    world = mazes.each(
        trained.recipe.world if world is None else world,
        lambda one: replace(one, min_length=max(2, min_length or one.min_length)),
    )
    drawn, first = mazes.take(world, count, seed=seed, split=mazes.TEST)
    line = training.seen.lineage(trained) if line is None else line
    kept = [one for one in line if training.seen.keeps_mazes(one)]
    if not kept:
        return drawn
    read = np.concatenate([training.mazes_seen(one).hashes for one in kept])
    unread = drawn[~np.isin(mazes.passage_hash(drawn.passages), read)]
    while 0 < len(unread) < count:
        drawn, first = mazes.take(world, count, seed=seed, first=first, split=mazes.TEST)
        more = drawn[~np.isin(mazes.passage_hash(drawn.passages), read)]
        unread = MazeBatch(*(np.concatenate([getattr(one, name) for one in (unread, more)]) for name in ARRAYS))
    if not len(unread):
        raise ValueError(f"{trained.recipe.name} has read every test maze of its world that was drawn")
    return unread[:count]


def _reading(seen: training.MazesSeen, leaked: int) -> dict[str, int]:
    """What training read, in numbers."""
    return {
        "training_mazes_distinct": seen.distinct,
        "training_mazes_read": seen.read,
        "test_mazes_seen_in_training": leaked,
    }


def _before(line: Sequence[TrainingRun], before: int) -> list[str]:
    """What those had read whose weights it began from."""
    if not line[0].recipe.begins_from:
        return []
    if not training.seen.whole(line):
        return [f"It began with the weights of {line[0].recipe.begins_from}; what that had read is not known."]
    names = ", ".join(one.recipe.name for one in line[1:])
    return [f"It began with the weights of {names}; {before or 'none'} of the test mazes had been read by any of them."]


def galleries(held_out: MazeBatch, walked: PathBatch, solutions: PathBatch) -> dict[str, figures.Figure]:
    """The longest solved mazes and the first failed ones, drawn; a kind of which there is none is left out."""
    solved = mazes.paths.optimal(held_out, walked)
    kinds = {
        "solved": np.flatnonzero(solved)[np.argsort(-solutions.length[solved], kind="stable")][:SHOWN],
        "failed": np.flatnonzero(~solved)[:SHOWN],
    }
    titles = {
        "solved": f"Solved: the longest of {solved.sum()} shortest paths written without an error",
        "failed": f"Failed: the first of {(~solved).sum()} mazes not solved, with the true path dashed",
    }
    return {
        kind: figures.gallery(held_out[which], walked[which], solutions[which], title=titles[kind], columns=3)
        for kind, which in kinds.items()
        if len(which)
    }


def _sentences(
    shares: dict[str, Row], rollouts: list[Row], seen: training.MazesSeen, distinct: int, leaked: int, loss: str
) -> list[str]:
    exact, optimal, valid = shares["exact"], shares["optimal"], shares["valid"]
    control = {row.what["walker"]: row.value for row in rollouts if row.measure == "optimal"}
    return [
        f"Of {exact.n} test mazes the model walks {exact.value:.1%} exactly (95% interval {exact.low:.1%} to "
        f"{exact.high:.1%}) and {optimal.value:.1%} along some shortest path; {valid.value:.1%} of its paths never "
        f"cross a wall or jump. Untrained, the same network finds a shortest path in {control['untrained']:.1%}; a "
        f"random walk does in {control['random walk']:.1%}.",
        f"In training it read {seen.read:,} mazes, {seen.distinct:,} of them distinct; {leaked} of the "
        f"{distinct:,} distinct test mazes are among them."
        if seen.read
        else "Which mazes it read in training is not known: these may be among them.",
        *(["That it expects <PATH_START> says nothing: its loss graded the path alone."] if loss == "path" else []),
    ]
