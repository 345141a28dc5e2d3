"""The goal or the corner, in words and pictures: what each run does, what its controls do, what was predicted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from maze_interp import figures
from maze_interp.behaviour.walkers import Walker
from maze_interp.tables import Row, ends

SHARES = ("to the goal", "to the corner", "to neither")
ENDS_THERE = "ends in the corner"
ASIDE = "goal - corner, corner not up or right"


@dataclass(frozen=True)
class Subject:
    """A walker and the side of the block its goals were in when it was trained; 0 for goals anywhere or no training."""

    walker: Walker
    block: int
    trained: bool


def asked(drawn: int, parted: int) -> str:
    """What was asked and predicted."""
    return (
        f"Of {drawn:,} test mazes with goals anywhere, {parted:,} have a cell at which the shortest ways to "
        "the goal and to the top right corner part. Shares are of the probability of the next step there. Predicted: a "
        "model whose goals were always in the top right block goes for the corner when it is told another goal, the "
        "more so the smaller the block; a model whose goals were anywhere goes for the goal."
    )


def sentence(subject: Subject, shown: dict[tuple[str, str], Row], fits: list[Row]) -> str:
    """What one trained model does, whether that was predicted, and what distances say of it."""
    name = subject.walker.name
    gap, goal, corner, neither = (shown[name, measure] for measure in ("goal - corner", *SHARES))
    where = f"in the top right {subject.block} x {subject.block}" if subject.block else "anywhere"
    told = f"{gap.n:,} goals it had never had" if subject.block else f"{gap.n:,} goals"
    if not gap.n:
        return f"{name}, trained with goals {where}: the ways to a goal it had never had part in no test maze."
    low, high = ends(gap, -1.0, 1.0)
    clear = high < 0 if subject.block else low > 0
    opposite = low > 0 if subject.block else high < 0
    outcome = "as predicted" if clear else "against the prediction" if opposite else "which decides nothing"
    said = (
        f"{name}, trained with goals {where}: for {told} it puts {goal.value:.1%} on the way to the goal, "
        f"{corner.value:.1%} on the way to the corner and {neither.value:.1%} on neither; the difference of the first "
        f"two is {gap.value:+.3f} ({low:+.3f} to {high:+.3f}), {outcome}."
    )
    return " ".join([said, *_on_direction(subject, shown), *_on_distances(name, told, fits)])


def _on_direction(subject: Subject, shown: dict[tuple[str, str], Row]) -> Iterator[str]:
    """Whether it seeks the corner or only heads that way, by the mazes in which the two part."""
    aside, ended = (shown[subject.walker.name, measure] for measure in (ASIDE, ENDS_THERE))
    if not subject.block:
        return
    yield f"Left to itself it ends in the corner in {ended:.1%}."
    if not aside.n:
        return
    low, high = ends(aside, -1.0, 1.0)
    verdict = (
        "which a mere liking for up and right would not do"
        if high < 0
        else "as a mere liking for up and right would, or one for the goal"
        if low > 0
        else "which does not tell a place from a direction"
    )
    yield (
        f"Where the goal's way leads up or right and the corner's does not ({aside.n:,}), the difference is "
        f"{aside.value:+.3f} ({low:+.3f} to {high:+.3f}), {verdict}."
    )


def _on_distances(name: str, told: str, fits: list[Row]) -> Iterator[str]:
    accuracy = {row.what["features"]: row for row in fits if (row.what["walker"], row.measure) == (name, "accuracy")}
    if accuracy:
        yield (
            f"Which of the two is likelier: always guessing the commoner outcome is right in "
            f"{accuracy['none'].value:.1%} of these {told}, three distances in {accuracy['three'].value:.1%} "
            f"({accuracy['three'].low:.1%} to {accuracy['three'].high:.1%})."
        )


def trend(subjects: list[Subject], rows: list[Row]) -> str:
    """Whether smaller blocks teach the corner more; `rows` are the shares by block, then the differences."""
    sides = sorted({one.block for one in subjects if one.block})
    if len(sides) < 2:
        return (
            "Whether a smaller block teaches the corner more was not asked: it takes runs with different blocks, and "
            + (f"all that were given have one of {sides[0]} x {sides[0]}." if sides else "none that was given has one.")
        )
    shares, gaps = rows[: len(sides)], rows[len(sides) :]
    if not shares[0].n:
        return "Whether a smaller block teaches the corner more was not measured: no goal lies outside all blocks."
    limits = [ends(row, -1.0, 1.0) for row in gaps]
    if all(low > 0 for low, _ in limits):
        verdict = "the smaller the more, as predicted"
    elif any(high < 0 for _, high in limits):
        verdict = "against the prediction that it is the more the smaller the block"
    else:
        verdict = "which does not decide whether it is the more the smaller the block, as predicted"
    told = ", ".join(f"{side} x {side} {row.value:.1%}" for side, row in zip(sides, shares, strict=True))
    return (
        f"On the way to the corner by block, in the same {shares[0].n:,} mazes with goals outside all of them: {told}; "
        f"{verdict}. (Intervals are over mazes, not over training seeds.)"
    )


def controls(subjects: list[Subject], shown: dict[tuple[str, str], Row]) -> str:
    """What those do of whom the answer is known."""
    said = [
        f"{one.walker.name} {shown[one.walker.name, SHARES[0]].value:.1%} and "
        f"{shown[one.walker.name, SHARES[1]].value:.1%}, ends there in {shown[one.walker.name, ENDS_THERE].value:.1%}"
        for one in subjects
        if not one.trained
    ]
    return f"Controls, on the way to the goal and on the way to the corner: {'; '.join(said)}."


def pictures(subjects: list[Subject], shown: dict[tuple[str, str], Row]) -> dict[str, figures.Figure | figures.Html]:
    """The shares of each walker."""
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
