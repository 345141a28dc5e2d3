"""Shifts of the world: its size and place on the lattice, its generator, how hard its mazes are, where paths end."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from maze_interp import mazes
from maze_interp.behaviour.shifts.declaration import AS_TRAINED, Home, ShiftedSet, held_out, of_mazes, resettled
from maze_interp.mazes import MEASURES, TEST, MazeBatch, Mixture, World
from maze_interp.mazes.mixtures import placed
from maze_interp.recipes import Refusal

Make = Callable[..., ShiftedSet]
SAMPLE = 1000  # mazes whose measures say what is little and what is much in a world
TOO_SMALL = "the world has no mazes in the test split, so any count"


def of_world(change: Callable[[Home], World | Mixture]) -> Make:
    """Mazes of the changed world."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        world = resettled(lambda: change(home))
        return _noted(home, held_out(world, count, seed=seed), seed, AS_TRAINED if world == home.world else "")

    return make


def each(**changes: Any) -> Make:
    """Mazes of the world with these settings of every world in it."""
    return of_world(lambda home: mazes.each(home.world, lambda one: replace(one, **changes)))


def ends(**changes: Any) -> Make:
    """Mazes with other cells as start and goal."""
    return of_world(
        lambda home: mazes.each(home.world, lambda one: replace(one, endpoints=replace(one.endpoints, **changes)))
    )


def larger(by: int) -> Make:
    """Mazes with more rows and columns."""
    return of_world(lambda home: resized(home.world, by))


def smaller(by: int, row: int, col: int) -> Make:
    """Mazes with fewer rows and columns, with their first cell at (row, col) of the lattice they had before."""

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        def put(drawn: MazeBatch) -> MazeBatch:
            return placed(drawn, home.world.rows, home.world.cols, *np.full((2, len(drawn)), [[row], [col]]))

        world = resettled(lambda: resized(home.world, -by))
        return _noted(home, held_out(world, count, seed=seed, put=put), seed)

    return make


def elsewhere(home: Home) -> Mixture:
    """The same mazes at random places of the vocabulary's lattice."""
    rows, cols = home.tokenizer.rows, home.tokenizer.cols
    if (rows, cols) == (home.world.rows, home.world.cols):
        raise Refusal(f"the vocabulary's lattice of {rows} x {cols} cells has no other place for such mazes")
    if isinstance(home.world, Mixture):
        return replace(home.world, rows=rows, cols=cols, place="random")
    return Mixture({"moved": home.world}, {"moved": 1.0}, rows, cols, "random")


def band(measure: str, low: float, high: float) -> Make:
    """Mazes whose measure lies between two quantiles of the world's own; a tail always leaves something out.

    Where few values are taken, ties make the share another one than asked; the note says which it is.
    """

    def make(home: Home, count: int, *, seed: int) -> ShiftedSet:
        values = MEASURES[measure](mazes.draw(home.world, SAMPLE, seed=0))
        known = np.unique(values)
        if len(known) == 1:
            raise Refusal(f"all mazes of this world are alike in {measure}: {known[0]:g}")
        least = max(np.quantile(values, low, method="higher"), known[1]) if low > 0 else -inf
        most = min(np.quantile(values, high, method="lower"), known[-2]) if high < 1 else inf
        share = ((values >= least) & (values <= most)).mean()
        if share == 0:
            raise Refusal(f"this world has no mazes between {low:.0%} and {high:.0%} of its range in {measure}")

        def inside(drawn: MazeBatch) -> MazeBatch:
            values = MEASURES[measure](drawn)
            return drawn[(values >= least) & (values <= most)]

        drawn = held_out(home.world, count, seed=seed, put=inside, share=float(share))
        return _noted(home, drawn, seed, f"{share:.0%} of the world's mazes")

    return make


def beyond(home: Home) -> World | Mixture:
    """The world with paths longer than any it was trained on."""

    def longer(one: World) -> World:
        if one.max_length is None:
            raise Refusal("training set no bound on the length of paths, so none is beyond it")
        return replace(one, min_length=one.max_length + 1, max_length=None)

    return mazes.each(home.world, longer)


def resized(world: World | Mixture, by: int) -> World | Mixture:
    """The world with that many more rows and columns. Raises ValueError where its settings do not allow it."""
    size: dict[str, Any] = {"rows": world.rows + by, "cols": world.cols + by}
    if isinstance(world, World):
        return replace(world, **size)
    parts = {name: replace(one, rows=one.rows + by, cols=one.cols + by) for name, one in world.worlds.items()}
    return replace(world, worlds=parts, **size)


def _noted(home: Home, drawn: MazeBatch, seed: int, note: str = "") -> ShiftedSet:
    held = (mazes.split_of(mazes.passage_hash(drawn.passages)) == TEST).all()
    return of_mazes(home, drawn, seed=seed, note=", ".join(filter(None, [note, "" if held else TOO_SMALL])))
