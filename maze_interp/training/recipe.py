"""Everything that decides what a training run does, as one TOML file.

Two runs of one recipe on one kind of processor, with as many threads and in one number format, give the same weights
(a machine decides what `dtype = "auto"` and `threads = 0` are, and a run's own recipe says as what). Recipes that come
with the package lie in `training/recipes/`, and what differs from one of them by a setting or two is a line or two of
`training/variants.toml`; `find` reads one by name or by path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from maze_interp import mazes, recipes
from maze_interp.mazes import GENERATORS, SPANNING_TREE, Mixture, World
from maze_interp.mazes.generators import settle
from maze_interp.models import ModelConfig
from maze_interp.training.schedule import Optimiser

TOLD = ("name", "reason", "device", "threads", "dtype", "checkpoints")  # no part of what is trained


@dataclass(frozen=True)
class Validation:
    """How often, in steps, the model walks held-out mazes, and how many."""

    every: int = 250
    mazes: int = 256

    def __post_init__(self) -> None:
        for name in ("every", "mazes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Lesson:
    """An easier world for a share of the steps, so that what is hard is learned on top of what is not."""

    share: float
    world: World | Mixture

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"a lesson takes a share of the steps between 0 and 1, not {self.share}")


@dataclass(frozen=True)
class TrainingRecipe:
    """A world, a model, and how the one learns the other.

    Each step reads `mazes_per_step` fresh mazes and `paths_per_maze` shortest paths through each, all paths of a maze
    sharing one reading of it. `loss` counts the path's tokens or all tokens. `dataset` names a folder of baked mazes
    to pass over, epoch by epoch, instead of the endless stream; `only_first` does so with the stream's first so many
    mazes, each with the same starts and goals in every epoch. `lessons` come before the world itself, in their order;
    validation and tests are of the world alone. `begins_from` is the folder of a finished run or model whose weights
    are the first (see `models.carry_over`). `threads` share a step's mazes (0: one a core), and dtype "auto" is the
    faster format; a run's own recipe says what both came to. Raises ValueError for settings that
    exclude each other.
    """

    name: str = "unnamed"
    reason: str = ""
    seed: int = 0
    steps: int = 2000
    mazes_per_step: int = 16
    paths_per_maze: int = 8
    loss: Literal["path", "all"] = "path"
    dataset: str = ""
    only_first: int = 0
    begins_from: str = ""
    checkpoints: int = 12
    device: str = "cpu"
    threads: int = 0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    world: World | Mixture = field(default_factory=World)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimiser: Optimiser = field(default_factory=Optimiser)
    validation: Validation = field(default_factory=Validation)

    def __post_init__(self) -> None:
        for name in ("steps", "mazes_per_step", "paths_per_maze", "checkpoints"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.threads < 0:
            raise ValueError(f"threads must be at least 1, or 0 for one a core, not {self.threads}")
        if self.paths_per_maze > 1 and (self.loss == "all" or self.dataset):
            reason = "a loss on all tokens" if self.loss == "all" else "a baked data set, which fixes its endpoints,"
            raise ValueError(f"{reason} needs paths_per_maze = 1, not {self.paths_per_maze}")
        if self.paths_per_maze > 1 and not self.model.tokenizer.choices.shares_prompts:
            raise ValueError(
                f"paths of one maze share its reading, but sequences of scheme {self.model.scheme!r} do not begin with "
                f"the maze; it needs paths_per_maze = 1, not {self.paths_per_maze}"
            )
        if self.only_first < 0:
            raise ValueError(f"only_first must be at least 1, or 0 for an endless stream, not {self.only_first}")
        if sum(map(bool, (self.lessons, self.dataset, self.only_first))) > 1:
            raise ValueError("a baked data set, lessons and only_first exclude each other: give one of them")
        if sum(lesson.share for lesson in self.lessons.values()) >= 1:
            raise ValueError(f"the lessons' shares must leave some steps to the world itself: {self.lessons}")
        for world in (self.world, *(lesson.world for lesson in self.lessons.values())):
            self._check_world(world)

    def _check_world(self, world: World | Mixture) -> None:
        """Raise ValueError unless the model's language can write the world."""
        if self.model.tokenizer.choices.path == "forks":
            mazes.each(world, _has_no_cycles)
        longest = self.model.tokenizer.max_length(world.rows, world.cols)
        if self.model.context and longest > self.model.context:
            raise ValueError(
                f"mazes of {world.rows} x {world.cols} cells can take {longest} tokens, more than the model's "
                f"context of {self.model.context}"
            )

    def world_at(self, step: int) -> World | Mixture:
        """The world that step 0 <= step < steps reads."""
        end = 0.0
        for lesson in self.lessons.values():
            end += lesson.share * self.steps
            if step < end:
                return lesson.world
        return self.world


def _has_no_cycles(world: World) -> World:
    """The world itself. Raises ValueError unless forks tell every path through its mazes."""
    knobs = settle(world.generator, world.rows, world.cols, world.knobs)
    if GENERATORS[world.generator].promise(**knobs) != SPANNING_TREE:
        raise ValueError(
            f"a path written as its forks needs mazes without cycles; {world.generator} with these knobs does not "
            "promise spanning trees"
        )
    return world


@dataclass(frozen=True)
class Variant:
    """A packaged recipe with some keys changed, as `--set` would; the seed of a variant is among its settings."""

    recipe: str
    reason: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variants:
    """The recipes of `variants.toml` by name."""

    variants: dict[str, Variant]


def names() -> list[str]:
    """The training recipes that come with the package."""
    folder = _package() / "recipes"
    files = (file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    return sorted([*files, *variants()])


@cache
def variants() -> Mapping[str, Variant]:
    """Those of them that are another one with some keys changed."""
    with resources.as_file(_package() / "variants.toml") as path:
        return recipes.load(Variants, path).variants


def find(name: str) -> TrainingRecipe:
    """The recipe in the TOML file `name`, or the packaged one of that name. Raises ValueError if there is neither."""
    if Path(name).is_file():
        return recipes.load(TrainingRecipe, name)
    if name not in names():
        raise recipes.unknown("training recipe (or TOML file)", name, names())
    if (changed := variants().get(name)) is not None:
        return replace(recipes.override(find(changed.recipe), changed.settings), name=name, reason=changed.reason)
    with resources.as_file(_package() / "recipes" / f"{name}.toml") as path:
        return recipes.load(TrainingRecipe, path)


def alike(one: TrainingRecipe, other: TrainingRecipe) -> bool:
    """Whether two recipes ask for the same training, whatever they are called and on however many threads."""
    return not varied([one, other])


def varied(several: Sequence[TrainingRecipe]) -> list[str]:
    """The keys, such as "model.heads", in which recipes ask for something else: not what they are called and run on."""
    flat = [recipes.flat(one) for one in several]
    keys = dict.fromkeys(key for one in flat for key in one if key.partition(".")[0] not in TOLD)
    return [key for key in keys if any(one.get(key) != flat[0].get(key) for one in flat)]


def _package() -> Traversable:
    return resources.files("maze_interp.training")
