"""Contestants take turns within one run and medians are compared, so a ratio holds where absolute figures drift.

A turn does its work once and says how many seconds that took: `timed` makes one of a function here, `conversation.turn`
one of a process with an environment of its own. What the work comes to can be checked, outside the seconds: only those
who do the same are compared.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Turn = Callable[[], float]
Check = Callable[[Any], object]
PAUSE = 0.02  # seconds between turns: threads that still spin for the last turn's work have gone to sleep
REPEATS = 5
HEAD = ("| what | ours | theirs | ratio | goal |", "|---|---:|---:|---:|---:|")  # of a table of rows


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, of us and of the other, how many times theirs ours is, and the goal."""

    what: str
    ours: str
    theirs: str = ""
    ratio: float | None = None
    goal: float | None = None


def timed(work: Callable[[], object], check: Check = lambda found: None) -> Turn:
    """A turn of work done in this process; `check` is given what it comes to, every time."""

    def turn() -> float:
        begin = time.perf_counter()
        found = work()
        seconds = time.perf_counter() - begin
        check(found)
        return seconds

    return turn


def agree(what: str, ours: float, theirs: float, apart: float = 0.0) -> None:
    """Raise ValueError if two numbers are further than that apart: then work that is not the same was compared."""
    if not abs(ours - theirs) <= apart:
        raise ValueError(
            f"not the same work: {what}, ours {ours:,.6g} and theirs {theirs:,.6g}, over {apart:.2g} apart"
        )


def alternate(turns: Mapping[str, Turn], repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of each, turn and turn about after a warm-up each."""
    spent: dict[str, list[float]] = {name: [] for name in turns}
    for repeat in range(repeats + 1):
        for name, turn in turns.items():
            time.sleep(PAUSE)
            seconds = turn()
            if repeat:
                spent[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


def medians(contestants: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """`alternate` for work that is all done in this process."""
    return alternate({name: timed(contestant) for name, contestant in contestants.items()}, repeats)


def line(row: Row) -> str:
    """The row in Markdown."""
    ratio = "" if row.ratio is None else f"{row.ratio:,.0f} x" if row.ratio >= 100 else f"{row.ratio:.2f} x"
    goal = "" if row.goal is None else f"{row.goal:g} x"
    if row.goal is not None and row.ratio is not None:
        goal += ": reached" if row.ratio >= row.goal else ": **not reached**"
    return f"| {row.what} | {row.ours} | {row.theirs} | {ratio} | {goal} |"
