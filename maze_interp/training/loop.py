"""Train a maze transformer: fresh mazes every step, and a record of everything.

    run = training.train(training.find("rdfs-5x5"), "runs/first")
    run = training.resume("runs/first")             # after Ctrl-C, a crash or a full disk

On a processor, with as many threads, a run that was stopped and resumed ends with bit-identical weights: each step's
data is a function of the recipe and the step's number, and a checkpoint holds the whole optimiser state. Several
processes may train one run together (see `ranks`): they step as one, and what is measured, written and told is the
first one's.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from maze_interp import mazes, models, seeds
from maze_interp.models import cores, precision
from maze_interp.models.hooked import HookedTransformer
from maze_interp.tokens import TokenBatch
from maze_interp.training import optimisers, parallel, ranks
from maze_interp.training import run as runs
from maze_interp.training.batches import batches
from maze_interp.training.interruption import interruption
from maze_interp.training.recipe import TrainingRecipe
from maze_interp.training.run import TrainingRun
from maze_interp.training.schedule import learning_rate


@dataclass(frozen=True)
class Status:
    """Where a run stands, for whoever draws its progress: the last loss (nats per token) and exact-solve share.

    `row` is the measurement made after this step, if one was. Pace and time left are nan before a first step.
    """

    step: int
    steps: int
    loss: float
    exact: float
    mazes_per_second: float
    seconds_left: float
    row: dict[str, Any] | None = None


Progress = Callable[[Status], None]


def train(recipe: TrainingRecipe, folder: str | Path, *, progress: Progress | None = None) -> TrainingRun:
    """Train from scratch into an empty folder; returns the run, finished unless Ctrl-C stopped it (its state is saved).

    `progress` is called after every step, in the first process where several train.
    The run's own recipe says what `dtype = "auto"` and `threads = 0` came to, so that it is resumed with the same.
    Raises ValueError if the folder holds another run, FloatingPointError when the loss or a gradient is not finite.
    """
    check_device(recipe.device)
    for split in (mazes.TRAIN, mazes.VALIDATION, mazes.TEST):  # a world without one of them fails now, not later
        mazes.take(recipe.world, 1, seed=recipe.seed, split=split)
    ranks.check_share(recipe.mazes_per_step)
    recipe = ranks.once(_settled, recipe)
    next(batches(recipe))
    model = starting_model(recipe)
    optimiser = optimisers.build(model, recipe.optimiser)
    run = ranks.once(runs.begin, recipe, folder)
    ranks.once(runs.checkpoint, run, model, optimiser, 0, [], 0.0)
    return _go_on(run, model, optimiser, 0, [], 0.0, progress)


def resume(folder: str | Path, *, step: int | None = None, progress: Progress | None = None) -> TrainingRun:
    """Go on from a checkpoint (the newest, or that of `step`) as if the run had never stopped.

    Measurements and checkpoints later than it are dropped and made again. Raises ValueError if there is no such run or
    checkpoint, if it is finished and has none left, and if its device is not to be had.
    """
    run = TrainingRun(Path(folder))
    check_device(run.recipe.device)
    ranks.check_share(run.recipe.mazes_per_step)
    step = ranks.once(_newest, run) if step is None else step
    if step not in run.checkpoints:
        raise ValueError(f"{run.folder} has no checkpoint of step {step}; it has {list(run.checkpoints)}")
    model = run.model(step, device=run.recipe.device)
    optimiser = optimisers.build(model, run.recipe.optimiser)
    losses, seconds = runs.restore(optimiser, model, run.checkpoints[step])
    ranks.once(runs.forget_after, run, step)
    seconds = max([seconds, *(row["seconds"] for row in run.metrics)])  # an older checkpoint does not tell them
    losses = ranks.once(_catch_up, run, model, step, losses, seconds, progress)
    return _go_on(run, model, optimiser, step, losses, seconds, progress)


def starting_model(recipe: TrainingRecipe) -> HookedTransformer:
    """The model before its first step: new, or with the weights of the model it begins from."""
    if not recipe.begins_from:
        return models.build(recipe.model, seed=recipe.seed, device=recipe.device)
    model = models.carry_over(models.load(recipe.begins_from), recipe.model, seed=recipe.seed)
    return model.to(recipe.device, print_details=False)


def check_device(device: str) -> None:
    """Raise ValueError unless this machine has the device."""
    kind = device.partition(":")[0]
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    here = ["cpu"] if found is None else ["cpu", found.type]
    if kind not in here:
        raise ValueError(f"device {device!r} is not to be had here; this machine has: {', '.join(here)}")


def validate(model: HookedTransformer, recipe: TrainingRecipe) -> dict[str, float]:
    """Shares of held-out mazes that the model walks exactly, optimally (any shortest path), and to the goal."""
    seed = seeds.derive(recipe.seed, "validation")
    held_out, _ = mazes.take(recipe.world, recipe.validation.mazes, seed=seed, split=mazes.VALIDATION)
    solutions = mazes.solve(held_out, seed=seed)

    walked = models.rollout(model, held_out, seed=seed, threads=recipe.threads)
    judged = {
        "exact": mazes.paths.exact(walked, solutions),
        "optimal": mazes.paths.optimal(held_out, walked),
        "target_reached": mazes.paths.ends_at_goal(held_out, walked),
    }
    means = {name: float(share.mean()) for name, share in judged.items()}
    return {**means, "validation_mazes": len(held_out)}


def _settled(recipe: TrainingRecipe) -> TrainingRecipe:
    """The recipe with its number format and threads decided."""
    shares = recipe.mazes_per_step // ranks.count()
    threads = cores.settle(recipe.threads, recipe.device, shares, processes=ranks.count_here())
    return replace(recipe, dtype=precision.settle(recipe.dtype, recipe.device), threads=threads)


def _newest(run: TrainingRun) -> int:
    """The step of the newest checkpoint; the first is made if the run was stopped before it had one. Raises ValueError
    for a finished run without: to begin anew would take its model away."""
    if not run.checkpoints:
        if run.finished:
            raise ValueError(f"{run.folder} is finished, and has no checkpoint to go on from")
        model = starting_model(run.recipe)
        runs.checkpoint(run, model, optimisers.build(model, run.recipe.optimiser), 0, [], 0.0)
    return max(run.checkpoints)


def _go_on(
    run: TrainingRun,
    model: HookedTransformer,
    optimiser: torch.optim.Optimizer,
    first: int,
    window: list[float],
    before: float,
    progress: Progress | None,
) -> TrainingRun:
    """Steps `first` to the last, measuring, reporting and saving on the way; `window`: losses not yet measured,
    `before`: seconds that the run had taken so far."""
    recipe, begun = run.recipe, time.monotonic()
    rows = run.metrics
    exact = rows[-1]["exact"] if rows else math.nan
    kept = runs.milestones(recipe)
    with interruption() as interrupted, cores.workers(recipe.threads) as pool:
        for step, tokens in enumerate(batches(recipe, first), start=first + 1):
            window = [*window, _step(run, model, optimiser, tokens, step, pool)]
            spent = time.monotonic() - begun
            row, due = None, _due(recipe, step)
            stop = ranks.anywhere(interrupted())  # asked once: what stops the run has been saved
            if due or step in kept or stop:
                ranks.once(runs.checkpoint, run, model, optimiser, step, window, before + spent)
            if due and not stop:  # who asks a run to stop does not wait for its validation
                row = ranks.once(_measure, run, model, step, before + spent, window)
                exact, window = row["exact"], []
            if progress is not None and ranks.rank() == 0:
                latest = row["loss"] if row else window[-1]
                pace = (step - first) / spent
                speed, left = pace * recipe.mazes_per_step, (recipe.steps - step) / pace
                progress(Status(step, recipe.steps, latest, exact, speed, left, row))
            if stop:
                return run
    ranks.once(models.save, model, run.folder / runs.MODEL)
    return run


def _due(recipe: TrainingRecipe, step: int) -> bool:
    return step % recipe.validation.every == 0 or step == recipe.steps


def _catch_up(
    run: TrainingRun,
    model: HookedTransformer,
    step: int,
    losses: list[float],
    seconds: float,
    progress: Progress | None,
) -> list[float]:
    """Make the measurement that the run was stopped before, if it was; returns the losses not yet measured."""
    rows = run.metrics
    if rows and rows[-1]["step"] == step:
        return []
    if not losses or not _due(run.recipe, step):
        return losses
    row = _measure(run, model, step, seconds, losses)
    if progress is not None:
        progress(Status(step, run.recipe.steps, row["loss"], row["exact"], math.nan, math.nan, row))
    return []


def _measure(
    run: TrainingRun, model: HookedTransformer, step: int, seconds: float, window: list[float]
) -> dict[str, Any]:
    """Validate and write down what came out, with the mean of the losses since the last time."""
    row = {"step": step, "seconds": round(seconds, 3), "loss": sum(window) / len(window)}
    row |= validate(model, run.recipe)
    runs.append(run, row)
    return row


def _step(
    run: TrainingRun,
    model: HookedTransformer,
    optimiser: torch.optim.Optimizer,
    tokens: TokenBatch,
    step: int,
    pool: Executor,
) -> float:
    """One step of the optimiser; returns the loss before it, in nats per token that counts."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(step - 1, run.recipe.steps, run.recipe.optimiser, group["peak"])
    loss = parallel.gradient(model, tokens, run.recipe, pool)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), run.recipe.optimiser.clip).item()
    if not (math.isfinite(loss) and math.isfinite(norm)):
        good = max(run.checkpoints.items())[1]
        raise FloatingPointError(f"step {step}: loss {loss}, gradient norm {norm}; the last good checkpoint is {good}")
    with cores.together(run.recipe.threads):
        optimiser.step()
    return loss
