"""What to read of a model, where and how; and what was read: probes, their scores and those of their controls."""

from dataclasses import dataclass, field

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

    The intervals of `beyond` and of `selectivity`, the differences to the control task, are widened for the number of
    sites. `best` has each target's probe at the site that scored best on validation mazes; `claims` are the paired
    differences that predictions are judged by.
    """

    recipe: ProbeRecipe
    scores: list[Row]
    beyond: list[Row]
    best: dict[str, Probe]
    claims: list[Row] = field(default_factory=list)
    selectivity: list[Row] = field(default_factory=list)

    def found(self, fact: str) -> list[str]:
        """The sites at which a fact is found: every difference to a control is above 0."""
        return [site for site, rows in self._by_site(fact).items() if all(sign(row) > 0 for row in rows)]

    def refuted(self, fact: str) -> bool:
        """Whether the fact is surely nowhere found: at every site some control does as well, or better."""
        return all(any(sign(row, none=True) < 0 for row in rows) for rows in self._by_site(fact).values())

    def _by_site(self, fact: str) -> dict[str, list[Row]]:
        rows: dict[str, list[Row]] = {}
        for row in self.beyond:
            if row.what["target"] == fact:
                rows.setdefault(row.what["site"], []).append(row)
        return rows


def sign(row: Row, *, none: bool = False) -> int:
    """1 where a difference is above 0, -1 where it is below, 0 where its interval does not tell.

    Of mazes that are all alike, which have no interval, the value is taken. With `none`, what is not above 0 is below.
    """
    low, high = (row.value if np.isnan(end) else end for end in (row.low, row.high))
    return int(low > 0) - int(high <= 0 if none else high < 0)


def name_of(site: Site) -> str:
    """A site as `sites_of` reads it."""
    return ":".join(str(part) for part in (site.kind, site.layer, site.head) if part is not None)
