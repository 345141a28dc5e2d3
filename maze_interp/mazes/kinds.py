"""Kinds of maze, as data: a world draws one kind, a mixture draws several kinds onto one lattice.

Both can be used wherever the other can: drawn, taken from by split, baked, trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from maze_interp import recipes
from maze_interp.mazes import endpoints as ends
from maze_interp.mazes import measures
from maze_interp.mazes.endpoints import Endpoints
from maze_interp.mazes.generators import settle

PLACES = ("top_left", "random")
EXACT = 1e-9  # how far from 1 weights may sum


@dataclass(frozen=True)
class World:
    """A kind of maze: the generator with its knobs, the lattice, and what start, goal and maze must be like.

    `min_length` and `max_length` bound the cells of a shortest path, `endpoints` says which cells may be start and
    goal, and `filters` bounds measures of the maze: `{"fork_count": (2, 5)}` (see `MEASURES`).
    """

    generator: str = "depth_first"
    rows: int = 6
    cols: int = 6
    knobs: dict[str, bool | int | float] = field(default_factory=dict)
    min_length: int = 2
    max_length: int | None = None
    endpoints: Endpoints = field(default_factory=Endpoints)
    filters: dict[str, tuple[int | float, int | float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settle(self.generator, self.rows, self.cols, self.knobs)
        if not 1 <= self.min_length <= self.rows * self.cols:
            raise ValueError(
                f"min_length must be from 1 to the {self.rows * self.cols} cells there are, not {self.min_length}"
            )
        ends.check(self.rows, self.cols, self.min_length, self.max_length, self.endpoints)
        measures.check(self.filters)


@dataclass(frozen=True)
class Mixture:
    """Several worlds on one lattice: each maze is of the world `name` with probability `weights[name]`.

    A maze smaller than the lattice lies in its top left corner, or at a random place; the cells around it have no
    passages. What a world says of corners, blocks and filters it says of its own lattice. A mixture of one world is
    that world on a larger lattice.
    """

    worlds: dict[str, World]
    weights: dict[str, int | float]
    rows: int = 6
    cols: int = 6
    place: str = "top_left"

    def __post_init__(self) -> None:
        for name in self.weights:
            if name not in self.worlds:
                raise recipes.unknown("world of the mixture", name, self.worlds)
        for name, world in self.worlds.items():
            if name not in self.weights:
                raise ValueError(f"the mixture gives its world {name!r} no weight")
            if world.rows > self.rows or world.cols > self.cols:
                raise ValueError(
                    f"the world {name!r} of {world.rows} x {world.cols} cells does not fit on the mixture's lattice of "
                    f"{self.rows} x {self.cols}"
                )
        shares = all(weight >= 0 for weight in self.weights.values())
        if not (shares and abs(sum(self.weights.values()) - 1) <= EXACT):  # so asked, NaN is no share
            raise ValueError(f"the weights of a mixture must be shares that sum to 1, not {self.weights}")
        if self.place not in PLACES:
            raise recipes.unknown("place", self.place, PLACES)


def each(world: World | Mixture, change: Callable[[World], World]) -> World | Mixture:
    """The same with every single world in it changed."""
    if isinstance(world, World):
        return change(world)
    return replace(world, worlds={name: change(one) for name, one in world.worlds.items()})


def describe(world: World | Mixture) -> str:
    """The world in one line of words, defaults left out."""
    lattice = f"{world.rows} x {world.cols} cells"
    if isinstance(world, Mixture):
        parts = (f"{world.weights[name]:.0%} {name} ({describe(one)})" for name, one in world.worlds.items())
        return f"a mixture on {lattice}, {world.place.replace('_', ' ')}: {'; '.join(parts)}"
    length = f"{world.min_length} cells or more"
    if world.max_length is not None:
        length = f"{world.min_length} to {world.max_length} cells"
    changed = {name: value for name, value in vars(world.endpoints).items() if value != getattr(Endpoints(), name)}
    settings = [f"{name} = {value}" for name, value in {**world.knobs, **changed}.items()]
    bounds = [f"{name} from {low:g} to {high:g}" for name, (low, high) in world.filters.items()]
    return ", ".join([world.generator, lattice, f"paths of {length}", *settings, *bounds])
