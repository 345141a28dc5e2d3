"""Progress bars: the library reports, the command line draws."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:  # torch loads with it, and what draws a bar for mazes need not wait for that
    from maze_interp.training import Status


@contextmanager
def bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for a callback of (done, total)."""
    with tqdm(desc=what, unit=unit, dynamic_ncols=True) as drawn:

        def advance(done: int, total: int) -> None:
            drawn.total = total
            drawn.update(done - drawn.n)

        yield advance


@contextmanager
def training_bar() -> Iterator[Callable[["Status"], None]]:
    """A bar for a training run: loss in nats per token, exact-solve share, mazes a second and the time left."""
    shape = "{desc} {percentage:3.0f}% |{bar}| step {n_fmt}/{total_fmt} {postfix}"
    with tqdm(desc="training", bar_format=shape, dynamic_ncols=True) as drawn:

        def advance(status: "Status") -> None:
            drawn.total = status.steps
            solved = "not measured yet" if math.isnan(status.exact) else f"{status.exact:.1%}"
            told = f"loss {status.loss:.3f}, solved {solved}"
            if not math.isnan(status.seconds_left):
                left = tqdm.format_interval(status.seconds_left)
                told += f", {status.mazes_per_second:.0f} mazes/s, {left} left"
            drawn.set_postfix_str(told, refresh=False)
            drawn.update(status.step - drawn.n)

        yield advance
