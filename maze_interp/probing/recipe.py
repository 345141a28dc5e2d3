"""What to read of a model, where and how; and what was read: probes, their scores and those of their controls."""

from dataclasses import dataclass

import numpy as np

from maze_interp import recipes
from maze_interp.models import Site
from maze_interp.probing import linear
from maze_interp.probing.bilinear import Bilinear
from maze_interp.probing.linear import Fit
from maze_interp.probing.targets import TARGETS
from maze_interp.tables import Row

BILINEAR = "bilinear"
METHODS = (*linear.METHODS, BILINEAR)


@dataclass(frozen=True)
class Published:
    """What others found by the same recipe: a target's score after each layer, and of always saying yes.

    `of` says which model read which mazes, of `rows` x `cols` cells.
    """

    source: str
    of: str
    target: str
    rows: int
    cols: int
    after_layer: tuple[float, ...]
    always_yes: float


@dataclass(frozen=True)
class ProbeRecipe:
    """What to read where and how. `mazes` are to fit, `unseen` to choose the penalty and as many more to score.

    Sites are written as `sites_of` reads them; `rank` is that of bilinear probes. Raises ValueError for an unknown way
    to fit, penalties not above 0 and a rank below 1.
    """

    name: str = "everything"
    reason: str = ""
    targets: tuple[str, ...] = tuple(TARGETS)
    position: str = "path_start"
    sites: tuple[str, ...] = ("resid_pre:0", "resid_post")
    method: str = "ridge"
    penalties: tuple[float, ...] = linear.PENALTIES
    rank: int = 32
    mazes: int = 4000
    unseen: int = 1000
    published: Published | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise recipes.unknown("way to fit a probe", self.method, METHODS)
        if not self.penalties or min(self.penalties) <= 0:
            raise ValueError(f"penalties must be above 0, and there must be one, not {list(self.penalties)}")
        if self.rank < 1:
            raise ValueError(f"the rank of a bilinear probe is 1 or more, not {self.rank}")


@dataclass(frozen=True)
class Probe:
    """One target's fitted probe at one site, and its score on test mazes."""

    target: str
    site: Site
    fit: Fit | Bilinear
    score: float


@dataclass(frozen=True)
class ProbeResult:
    """What was read: each row of `scores` is a mean over test mazes, each of `beyond` a paired difference to a control.

    The intervals of `beyond` are widened for the number of sites. `best` has each target's probe at the site that
    scored best on validation mazes.
    """

    recipe: ProbeRecipe
    scores: list[Row]
    beyond: list[Row]
    best: dict[str, Probe]

    def found(self, fact: str) -> list[str]:
        """The sites at which a fact is found: every difference to a control is above 0."""
        lows: dict[str, list[float]] = {}
        for row in self.beyond:
            if row.what["target"] == fact:
                lows.setdefault(row.what["site"], []).append(row.value if np.isnan(row.low) else row.low)
        return [site for site, low in lows.items() if min(low) > 0]


def name_of(site: Site) -> str:
    """A site as `sites_of` reads it."""
    return ":".join(str(part) for part in (site.kind, site.layer, site.head) if part is not None)
