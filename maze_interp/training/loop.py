"""Train a maze transformer: fresh mazes every step, and a record of everything.

    run = training.train(training.find("rdfs-5x5"), "runs/first")
    run = training.resume("runs/first")             # after Ctrl-C, a crash or a full disk

On one machine a run that was stopped and resumed ends with bit-identical weights: each step's data is a function of
the recipe and the step's number, and a checkpoint holds the whole optimiser state.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maze_interp import mazes, models, seeds
from maze_interp.models import cores, precision
from maze_interp.models.hooked import HookedTransformer
from maze_interp.tokens import TokenBatch
from maze_interp.training import optimisers, parallel
from maze_interp.training import run as runs
from maze_interp.training.batches import batches
from maze_interp.training.recipe import TrainingRecipe
from maze_interp.training.run import TrainingRun
from maze_interp.training.schedule import learning_rate


@dataclass(frozen=True)
class Status:
    """Where a run stands, for whoever draws its progress: the last loss (nats per token) and exact-solve share."""

    step: int
    steps: int
    loss: float
    exact: float
    mazes_per_second: float
    seconds_left: float


Progress = Callable[[Status], None]


def train(recipe: TrainingRecipe, folder: str | Path, *, progress: Progress | None = None) -> TrainingRun:
    """Train from scratch into an empty folder; returns the run, finished unless Ctrl-C stopped it (its state is saved).

    The run's own recipe says what `dtype = "auto"` and `threads = 0` came to, so that it is resumed with the same.
    Raises ValueError if the folder holds another run, FloatingPointError when the loss or a gradient is not finite.
    """
    check_device(recipe.device)
    for split in (mazes.TRAIN, mazes.VALIDATION, mazes.TEST):  # a world without one of them fails now, not later
        mazes.take(recipe.world, 1, seed=recipe.seed, split=split)
    threads = cores.settle(recipe.threads, recipe.device, recipe.mazes_per_step)
    recipe = replace(recipe, dtype=precision.settle(recipe.dtype, recipe.device), threads=threads)
    next(batches(recipe))
    model = starting_model(recipe)
    optimiser = optimisers.build(model, recipe.optimiser)
    run = runs.begin(recipe, folder)
    runs.checkpoint(run, model, optimiser, 0, [])
    return _go_on(run, model, optimiser, 0, [], progress)


def resume(folder: str | Path, *, step: int | None = None, progress: Progress | None = None) -> TrainingRun:
    """Go on from a checkpoint (the newest, or that of `step`) as if the run had never stopped.

    Measurements and checkpoints later than it are dropped and made again. Raises ValueError if there is no such run.
    """
    run = TrainingRun(Path(folder))
    if not run.checkpoints and step is None:  # it was stopped between its recipe and its first checkpoint
        untrained = starting_model(run.recipe)
        runs.checkpoint(run, untrained, optimisers.build(untrained, run.recipe.optimiser), 0, [])
    step = max(run.checkpoints, default=0) if step is None else step
    model = run.model(step, device=run.recipe.device)
    optimiser = optimisers.build(model, run.recipe.optimiser)
    losses = runs.restore(optimiser, model, run.checkpoints[step])
    runs.forget_after(run, step)
    return _go_on(run, model, optimiser, step, losses, progress)


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


def _go_on(
    run: TrainingRun,
    model: HookedTransformer,
    optimiser: torch.optim.Optimizer,
    first: int,
    window: list[float],
    progress: Progress | None,
) -> TrainingRun:
    """Steps `first` to the last, measuring, reporting and saving on the way; `window`: losses not yet measured."""
    recipe, begun = run.recipe, time.monotonic()
    rows = run.metrics
    before, exact = (rows[-1]["seconds"], rows[-1]["exact"]) if rows else (0.0, math.nan)
    kept = runs.milestones(recipe)
    with _interruption() as interrupted, cores.workers(recipe.threads) as pool:
        for step, tokens in enumerate(batches(recipe, first), start=first + 1):
            window = [*window, _step(run, model, optimiser, tokens, step, pool)]
            spent = time.monotonic() - begun
            measured = step % recipe.validation.every == 0 or step == recipe.steps
            if measured:
                row = {"step": step, "seconds": round(before + spent, 3), "loss": sum(window) / len(window)}
                row |= validate(model, recipe)
                runs.append(run, row)
                exact, window = row["exact"], []
            stop = interrupted()  # asked once: what stops the run has been saved
            if measured or step in kept or stop:
                runs.checkpoint(run, model, optimiser, step, window)
            if progress is not None:
                latest = window[-1] if window else row["loss"]
                pace = (step - first) / spent
                speed, left = pace * recipe.mazes_per_step, (recipe.steps - step) / pace
                progress(Status(step, recipe.steps, latest, exact, speed, left))
            if stop:
                return run
    models.save(model, run.folder / runs.MODEL)
    return run


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


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, so that a step is finished and saved before the run stops.

    Only the main thread can listen; elsewhere nothing is caught. A second Ctrl-C stops at once.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    ordinary = signal.getsignal(signal.SIGINT)

    def press(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, ordinary)

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, ordinary)
