"""S-curves in words and pictures: each claim beside what was counted, and what a plateau looks like."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import figures
from maze_interp.experiments.multi_component import Toy
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row, ends
from maze_interp.training import TrainingRun
from maze_interp.training.plateaus import Plateau, curve

TWO, ZERO, UNCHANGED = "exactly two plateaus", "reaches zero", "plateaus, softmax - squared"
BUMPS = ("plateaus, adam - sgd", "rises, adam - sgd")
LONGER = "first plateau per nat of 1 / size, over predicted"
COUNT, RISES, FIRST = "plateaus", "rises", "end of the first plateau (steps)"
DRAWN = 400  # points of an example curve

# what was claimed, and of an interval whether it is so (True), is not so (False) or undecided (None)
CLAIMS: dict[str, tuple[str, Callable[[float, float], bool | None]]] = {
    TWO: (
        "Claimed: two plateaus at rank 2. Runs with exactly two",
        lambda low, high: True if low > 0.5 else False if high < 0.5 else None,
    ),
    ZERO: (
        "Claimed: rank 10 rarely reaches zero. Runs that do",
        lambda low, high: True if high < 0.5 else False if low > 0.5 else None,
    ),
    UNCHANGED: (
        "Claimed: at full rank cross-entropy is like squared loss. Plateaus it has more",
        lambda low, high: True if low > -0.5 and high < 0.5 else False if low > 0.5 or high < -0.5 else None,
    ),
    BUMPS[0]: (
        "Claimed: more bumps with Adam than with gradient descent. Plateaus it has more",
        lambda low, high: True if low > 0 else False if high <= 0 else None,
    ),
    BUMPS[1]: (
        "Bumps may also mean rises. Rises Adam has more",
        lambda low, high: True if low > 0 else False if high <= 0 else None,
    ),
    LONGER: (
        "Predicted: gradient descent first waits ln(1 / size) over small factors' growth. Measured over predicted",
        lambda low, high: True if low > 0.9 and high < 1.1 else False if low > 1.1 or high < 0.9 else None,
    ),
}
VERDICTS = {True: "as said", False: "not so", None: "undecided"}
SHARES = (TWO, ZERO)


def sentences(claims: Sequence[Row], runs: int, size: float, until: float, steps: int) -> list[str]:
    """What was done, then each claim with its counts and whether they bear it out."""
    opening = (
        f"{runs} random matrices of each rank, learned as a product of two factors from starts of size {size:g}, by "
        f"gradient descent (sgd) and by Adam at each rate, for {steps:,} steps or until the loss is zero: {until:g} "
        "times the first. A plateau is slow before it is fast, which no sum of exponential falls is."
    )
    told = [(claim, [row for row in claims if row.measure == claim]) for claim in CLAIMS]
    return [opening, *(_told(claim, rows) for claim, rows in told if rows)]


def _told(claim: str, rows: Sequence[Row]) -> str:
    """A claim, how many kinds of runs bear it out, and each of them."""
    counts = Counter(map(verdict, rows))
    summary = ", ".join(f"{counts[name]} {name}" for name in VERDICTS.values() if counts[name])
    return f"{CLAIMS[claim][0]} ({summary}): {'; '.join(map(_counted, rows))}."


def verdict(row: Row) -> str:
    """Whether the row's interval bears out its claim; without any values nothing is decided."""
    return VERDICTS[CLAIMS[row.measure][1](*_bounds(row)) if row.n else None]


def controls(rows: Sequence[Row]) -> str:
    """How often one component alone has a plateau: what the method, or the optimiser, makes of nothing."""
    most = max(rows, key=lambda row: row.value)
    some = [row for row in rows if row.value > 0]
    where = "; ".join(_counted(row, of=("loss", "learner", "size")) for row in some)
    return (
        f"Control: learning the matrix itself, which has one component, has a plateau in {len(some)} of {len(rows)} "
        f"kinds of runs" + (f", at most {most.value:.1%} ({where})." if some else ".")
    )


def stuck(ends: Sequence[tuple[Bool[np.ndarray, " run"], Bool[np.ndarray, " run"]]]) -> str:
    """Whether the rank-10 runs that did not reach zero were slow or stuck."""
    short = sum(int((~solved).sum()) for solved, _ in ends)
    slow = sum(int((~solved & falling).sum()) for solved, falling in ends)
    if not short:
        return "From no start did a run at rank 10 stay above zero."
    return (
        f"Of all {short} runs at rank 10 that did not reach zero, from any start, {slow} were still falling at the end."
    )


def of_mazes(read: Mapping[str, tuple[TrainingRun, list[Plateau]]]) -> list[str]:
    """The plateaus of runs of mazes."""
    said = []
    for name, (run, found) in read.items():
        at = ", ".join(f"steps {one.begin:,.0f} to {one.end:,.0f} at {one.loss:.2f} nats per token" for one in found)
        plural = "plateau" if len(found) == 1 else "plateaus"
        said.append(
            f"{name}, a run of mazes with {len(run.metrics)} measurements, has {len(found)} {plural}"
            f"{f' ({at})' if found else ''}."
        )
    return said


def pictures(counts: Sequence[Row], sensitive: Sequence[Row]) -> dict[str, Figure]:
    """How many plateaus there are, and how far that hangs on what is called one."""
    shown = [_labelled(row) for row in counts if row.measure == COUNT]
    least, *_, most = sorted(shown, key=lambda row: row.value)
    title = (
        f"From {least.value:.2f} plateaus ({least.what['kind']}, {least.what['learner']}) to {most.value:.2f} "
        f"({most.what['kind']}, {most.what['learner']})"
    )
    x = "plateaus of a run, mean and 95% interval"
    return {
        "plateaus": figures.intervals(shown, title=title, x=x, by="kind", group="learner"),
        "by_contrast": _by_contrast(sensitive),
    }


def _by_contrast(rows: Sequence[Row]) -> Figure:
    """The share of runs with exactly two plateaus, by what is called one."""
    kinds = {
        learner: [row.value for row in rows if row.what["learner"] == learner]
        for learner in dict.fromkeys(row.what["learner"] for row in rows)
    }
    said = ", ".join(f"{min(values):.0%} to {max(values):.0%} by {learner}" for learner, values in kinds.items())
    lines = [
        _band(f"{loss}, {learner}", "contrast", [row for row in rows if _is(row, loss=loss, learner=learner)], False)
        for loss, learner in dict.fromkeys((row.what["loss"], row.what["learner"]) for row in rows)
    ]
    title = f"Exactly two plateaus at rank 2, whatever contrast makes one: {said}"
    x, y = "contrast (rate of the fall over rate of the plateau)", "share of runs"
    return figures.curves(lines, title=title, x=x, y=y)


def examples(curves: Mapping[Toy, Float[np.ndarray, " step"]], size: float) -> dict[str, Figure]:
    """The first run of each toy under squared loss and under softmax, as the share of its first loss."""
    drawn = {}
    for loss in dict.fromkeys(toy.loss for toy in curves):
        lines = [
            _example(toy, values)
            for toy, values in curves.items()
            if toy.loss == loss and toy.rank == 2  # the control among them
        ]
        drawn[f"curves_{loss}"] = figures.curves(
            lines,
            title=f"A run at rank 2 under the {loss} loss, from a start of size {size:g}",
            x="step + 1",
            y="loss over the first",
            log_x=True,
            log_y=True,
        )
    return drawn


def lengths(rows: Sequence[Row]) -> dict[str, Figure]:
    """How long the first plateau lasts, by the size of the start, at rank 2."""
    mine = [row for row in rows if row.what["rank"] == "rank 2" and row.n]
    kinds = {
        key: [row for row in mine if _is(row, loss=key[0], learner=key[1])]
        for key in dict.fromkeys((row.what["loss"], row.what["learner"]) for row in mine)
    }
    if not kinds:
        return {}
    ends = [sorted(each, key=lambda row: row.what["size"]) for each in kinds.values()]
    grown = {", ".join(key): each[0].value / each[-1].value for key, each in zip(kinds, ends, strict=True)}
    most, least = max(grown, key=grown.__getitem__), min(grown, key=grown.__getitem__)
    lines = [_band(", ".join(key), "size", each, True) for key, each in kinds.items()]
    title = (
        f"From the largest start to the smallest the first plateau at rank 2 becomes {grown[least]:.1f} ({least}) to "
        f"{grown[most]:.1f} times as long ({most})"
    )
    x, y = "1 / size of the start", "end of the first plateau (steps)"
    return {"lengths": figures.curves(lines, title=title, x=x, y=y, log_x=True, log_y=True)}


def maze_curves(read: Mapping[str, tuple[TrainingRun, list[Plateau]]]) -> dict[str, Figure]:
    """The losses of runs of mazes, with their plateaus."""
    if not read:
        return {}
    lines = []
    for name, (run, found) in read.items():
        steps = np.array([row["step"] for row in run.metrics], float)
        lines.append(Series(name, steps, curve(run)[0]))
        lines += [Series(f"plateau of {name}", np.array([one.begin, one.end]), np.full(2, one.loss)) for one in found]
    said = ", ".join(f"{name} {len(found)}" for name, (_, found) in read.items())
    y = "training loss (nats per token)"
    return {"mazes": figures.curves(lines, title=f"Plateaus of runs of mazes: {said}", x="step", y=y, log_y=True)}


def _counted(row: Row, of: tuple[str, ...] = ("rank", "loss", "learner")) -> str:
    """One count with its interval and, for a claim, the verdict."""
    form = ".1%" if row.measure in SHARES or row.measure == "any plateau" else ".2f"
    low, high = _bounds(row)
    known = f"{row.value:{form}} ({low:{form}} to {high:{form}}, n {row.n})" if row.n else "none to measure"
    said = f", {verdict(row)}" if row.measure in CLAIMS else ""
    return f"{', '.join(f'{row.what[key]}' for key in of)}: {known}{said}"


def _bounds(row: Row) -> tuple[float, float]:
    """The interval; of counts that are all alike, those unseen could be off by one."""
    least, most = (0.0, 1.0) if row.measure in SHARES else (row.value - 1, row.value + 1)
    return ends(row, least, most)


def _labelled(row: Row) -> Row:
    return replace(row, what={**row.what, "kind": f"{row.what['rank']}, {row.what['loss']}"})


def _is(row: Row, **what: str) -> bool:
    return what.items() <= row.what.items()


def _band(name: str, x: str, rows: Sequence[Row], inverse: bool) -> Series:
    at = np.array([row.what[x] for row in rows], float)
    bounds = np.array([_bounds(row) for row in rows])
    value = np.array([row.value for row in rows], float)
    return Series(name, 1 / at if inverse else at, value, bounds[:, 0], bounds[:, 1])


def _example(toy: Toy, values: Float[np.ndarray, " step"]) -> Series:
    steps = np.unique(np.geomspace(1, len(values), DRAWN).astype(int))
    name = toy.learner if toy.factored else f"{toy.learner}, one component"
    return Series(name, steps.astype(float), values[steps - 1].astype(float) / float(values[0]))
