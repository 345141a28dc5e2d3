"""Does a loss wait before it falls when several parts must be learned together, and how often, counted?

A comment on "Multi-Component Learning and S-Curves" claims, after a few tries: under cross-entropy there are two
plateaus at rank 2; rank 10 rarely reaches zero; full rank is as under squared loss; and Adam makes more bumps than
gradient descent. Each becomes a prediction with a count over seeds, at the starts of size `size`: held if the 95%
interval lies on its side, against it if on the other, else undecided. "Two": exactly two plateaus in over half of the
runs. "Rarely": under half of the runs fall to `until` times their first loss in `steps` steps. "As under squared loss":
the numbers of plateaus differ by less than 1/2. "More bumps": more plateaus, and more rises, for the same matrices.
One more is ours: a smaller start lengthens gradient descent's first plateau by ln(1 / size) over the rate at which
small factors grow, to within a tenth. The control learns the matrix itself, one component. Runs of mazes, if given, are
read by the same method.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import seeds, tables, training
from maze_interp.experiments import s_curves_page as page
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.multi_component import LOSSES, Toy, growth, learn
from maze_interp.models import cores
from maze_interp.tables import Row
from maze_interp.training import TrainingRun, plateaus

RANKS = (1, 2, 10, 0)
CONTRASTS = (2.0, 3.0, 5.0, 10.0, 20.0)
TINY = 1e-30  # a loss of zero has no logarithm


@dataclass(frozen=True)
class Settings:
    """How many seeds of matrices of side x side, begun at which sizes, learned at which rates for how long; and, if
    any, runs of mazes whose curves are read too (folders, separated by commas)."""

    runs: str = ""
    seeds: int = 48
    side: int = 16
    sizes: tuple[float, ...] = (0.1, 0.01, 0.001)
    size: float = 0.01
    steps: int = 8000
    squared_rate: float = 0.01
    softmax_rate: float = 0.002
    adam_rates: tuple[float, ...] = (0.01, 0.1)
    until: float = 1e-3
    contrast: float = plateaus.CONTRAST
    seed: int = 0


@dataclass(frozen=True)
class Runs:
    """The runs of one toy from starts of one size: plateaus, rises, whether the loss reached zero or was still falling
    (by 1% in the last tenth), how long the first plateau was in rate times steps (nan: there was none), curves."""

    toy: Toy
    size: float
    plateaus: Int[np.ndarray, " run"]
    rises: Int[np.ndarray, " run"]
    solved: Bool[np.ndarray, " run"]
    falling: Bool[np.ndarray, " run"]
    first: Float[np.ndarray, " run"]
    curves: Float[np.ndarray, "run step"]

    @property
    def what(self) -> dict[str, Any]:
        """What they are, as the conditions of a table's row."""
        rank = "one component" if not self.toy.factored else f"rank {self.toy.rank}" if self.toy.rank else "full rank"
        return {"rank": rank, "loss": self.toy.loss, "learner": self.toy.learner, "size": self.size}


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Every toy from every start, counted; `progress` counts toys. Raises ValueError for settings that ask nothing."""
    _check(settings)
    mazes = [training.open_run(folder.strip()) for folder in settings.runs.split(",") if folder.strip()]
    read = {one.folder.name: (one, plateaus.of_run(one)) for one in mazes}
    asked = list(toys(settings))
    found: list[Runs] = []
    with cores.workers(cores.settle(0, "cpu", len(asked))) as pool:
        for done, measured in enumerate(pool.map(lambda toy: measure(toy, settings), asked), start=1):
            found += measured
            if progress is not None:
                progress(done, len(asked))
    return findings(found, settings, read)


def toys(settings: Settings) -> Iterator[Toy]:
    """Every rank, loss and learner, then the controls, which have one component."""
    kinds = [(rank, True) for rank in RANKS] + [(2, False)]
    for (rank, factored), loss in product(kinds, LOSSES):
        yield Toy(rank, loss, "sgd", getattr(settings, f"{loss}_rate"), factored)  # type: ignore[arg-type]
        for rate in settings.adam_rates:
            yield Toy(rank, loss, "adam", rate, factored)  # type: ignore[arg-type]


def measure(toy: Toy, settings: Settings) -> list[Runs]:
    """The runs of one toy, for each size of start."""
    seed = seeds.derive(settings.seed, "s curves")
    losses = learn(
        toy, settings.sizes, settings.seeds, seed=seed, side=settings.side, steps=settings.steps, until=settings.until
    )
    losses = np.maximum(losses, TINY)
    return [_counted(toy, size, mine, settings) for size, mine in zip(settings.sizes, losses, strict=True)]


def _counted(toy: Toy, size: float, losses: Float[np.ndarray, "run step"], settings: Settings) -> Runs:
    clock = toy.rate * np.arange(losses.shape[1])
    found = [plateaus.find(loss, clock, contrast=settings.contrast, until=settings.until) for loss in losses]
    return Runs(
        toy,
        size,
        plateaus=np.array([len(each) for each in found]),
        rises=np.array([plateaus.rises(loss, until=settings.until) for loss in losses]),
        solved=losses.min(axis=1) <= settings.until * losses[:, 0],
        falling=losses[:, -1] < 0.99 * losses[:, -1 - losses.shape[1] // 10],
        first=np.array([each[0].end if each else np.nan for each in found]),
        curves=losses.astype(np.float32),
    )


def findings(
    found: list[Runs], settings: Settings, read: dict[str, tuple[TrainingRun, list[plateaus.Plateau]]]
) -> Findings:
    """The page: each claim with what was counted, then everything counted."""
    shown = {(one.toy, one.size): one for one in found}
    at = {toy: shown[toy, settings.size] for toy, _ in shown}
    claims = [*two(at), *rarely(at), *unchanged(at), *bumps(at), *longer(shown, settings)]
    control = [tables.proportion("any plateau", one.plateaus > 0, **one.what) for one in found if not one.toy.factored]
    counts = [row for one in found for row in _rows(one)]
    sensitive = sensitivity(at, settings.until)
    return Findings(
        heading="S-curves",
        sentences=[
            *page.sentences(claims, settings.seeds, settings.size, settings.until, settings.steps),
            page.controls(control),
            page.stuck([(one.solved, one.falling) for one in found if one.toy.rank == 10 and one.toy.factored]),
            *page.of_mazes(read),
        ],
        tables={"claims": claims, "control": control, "counts": counts, "by_contrast": sensitive},
        figures={
            **page.pictures([row for row in counts if row.what["size"] == settings.size], sensitive),
            **page.examples({one.toy: one.curves[0] for one in at.values()}, settings.size),
            **page.lengths([row for row in counts if row.measure == page.FIRST]),
            **page.maze_curves(read),
        },
        numbers={
            f"{row.measure}, {row.what['rank']}, {row.what['loss']}, {row.what['learner']}": row.value for row in claims
        }
        | {f"{name}: plateaus": float(len(each)) for name, (_, each) in read.items()},
    )


def two(at: dict[Toy, Runs]) -> list[Row]:
    """The share of rank-2 runs with exactly two plateaus."""
    return [tables.proportion(page.TWO, one.plateaus == 2, **one.what) for toy, one in at.items() if _is(toy, 2)]


def rarely(at: dict[Toy, Runs]) -> list[Row]:
    """The share of rank-10 runs whose loss reaches zero."""
    return [tables.proportion(page.ZERO, one.solved, **one.what) for toy, one in at.items() if _is(toy, 10)]


def unchanged(at: dict[Toy, Runs]) -> list[Row]:
    """How many plateaus more a matrix of full rank has under cross-entropy than under squared loss."""
    kinds = {(toy.loss, toy.learner): one for toy, one in at.items() if _is(toy, 0)}
    return [
        tables.paired_difference(page.UNCHANGED, one.plateaus, kinds["squared", learner].plateaus, **one.what)
        for (loss, learner), one in kinds.items()
        if loss == "softmax"
    ]


def bumps(at: dict[Toy, Runs]) -> list[Row]:
    """How many plateaus and rises Adam has more on the same matrix; at rank 1 no second component explains them."""
    plain = {(toy.rank, toy.loss): one for toy, one in at.items() if toy.factored and toy.optimiser == "sgd"}
    pairs = [(one, plain[toy.rank, toy.loss]) for toy, one in at.items() if toy.factored and toy.optimiser == "adam"]
    more = [tables.paired_difference(page.BUMPS[0], one.plateaus, other.plateaus, **one.what) for one, other in pairs]
    return more + [tables.paired_difference(page.BUMPS[1], one.rises, other.rises, **one.what) for one, other in pairs]


def longer(shown: dict[tuple[Toy, float], Runs], settings: Settings) -> list[Row]:
    """How much longer the first plateau of gradient descent is for each nat of 1 / size, over what is predicted."""
    seed, nats = seeds.derive(settings.seed, "s curves"), -np.log(settings.sizes)
    rows = []
    for toy in dict.fromkeys(toy for toy, _ in shown if toy.factored and toy.optimiser == "sgd"):
        first = np.stack([shown[toy, size].first for size in settings.sizes])
        slope = (nats - nats.mean()) @ first / np.square(nats - nats.mean()).sum()
        ratio = slope * growth(toy, settings.seeds, seed=seed, side=settings.side)
        what = {**shown[toy, settings.size].what, "size": "all"}
        rows.append(tables.mean(page.LONGER, ratio[~np.isnan(ratio)], **what))
    return rows


def sensitivity(at: dict[Toy, Runs], until: float) -> list[Row]:
    """The share of rank-2 runs with exactly two plateaus, by the contrast that makes a plateau."""
    rows = []
    for (toy, one), contrast in product(at.items(), CONTRASTS):
        if _is(toy, 2):
            clock = np.arange(one.curves.shape[1]).astype(float)
            curves = one.curves.astype(float)
            count = np.array([len(plateaus.find(loss, clock, contrast=contrast, until=until)) for loss in curves])
            rows.append(tables.proportion(page.TWO, count == 2, **one.what, contrast=contrast))
    return rows


def _rows(one: Runs) -> list[Row]:
    """Everything counted of the runs of one toy from starts of one size."""
    return [
        tables.mean(page.COUNT, one.plateaus, **one.what),
        tables.mean(page.RISES, one.rises, **one.what),
        tables.proportion(page.ZERO, one.solved, **one.what),
        tables.mean(page.FIRST, one.first[~np.isnan(one.first)] / one.toy.rate, **one.what),
    ]


def _is(toy: Toy, rank: int) -> bool:
    return toy.factored and toy.rank == rank


def _check(settings: Settings) -> None:
    if settings.side <= max(RANKS):
        raise ValueError(f"side must be above {max(RANKS)}, the largest rank asked about, not {settings.side}")
    if settings.seeds < 2:
        raise ValueError(f"seeds must be at least 2, or there is no interval, not {settings.seeds}")
    if settings.size not in settings.sizes or len(set(settings.sizes)) < 2:
        raise ValueError(f"sizes must be several, with size among them, not {settings.sizes} and {settings.size}")
    if not 0 < settings.until < 1:
        raise ValueError(f"until must be between 0 and 1, a share of the first loss, not {settings.until}")
    if not settings.adam_rates or settings.steps < 2:
        raise ValueError(f"needs a rate for adam and 2 steps, not {settings.adam_rates} and {settings.steps}")
