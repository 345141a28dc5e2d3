"""How far from a cell can facts about the maze be read? Scores by maze distance, and the radius that they span.

A search spreads: what is known at a token should reach farther from where the search begins with every layer. So each
fact is scored by its distance, in steps through the maze, from a source: the cell where the walker stands, the goal or
the start. A score is how often, of two places equally far away, the one where the answer is yes is ranked above the
other (the area under the ROC curve; 0.5 is chance whatever the frequency of yes, which changes with distance):

    passages    at n steps: passages against walls beside a cell n - 1 steps away
    branch      cells n steps away to which the next right step leads nearer, against others
    distance    cells n steps away against all that are farther

What it is worth is how much it gains on the strongest control, as a share of what that leaves: 0 is nothing, 1 all
there was to know. The radius is the distance up to which, without a break, the gain is at least a threshold.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, recipes, seeds
from maze_interp.mazes import MazeBatch
from maze_interp.probing import targets
from maze_interp.probing.bench import TEST, Bench, Outputs
from maze_interp.probing.positions import Asked, ask, current, path_start
from maze_interp.tokens import Tokenizer

SOURCES: dict[str, Callable[[Asked], Int[np.ndarray, " sample"]]] = {
    "current": lambda asked: asked.paths.cells[asked.maze, asked.step],
    "goal": lambda asked: asked.mazes.goal[asked.maze],
    "start": lambda asked: asked.mazes.start[asked.maze],
}
PASSAGES, BRANCH, DISTANCE = FACTS = ("passages", "branch", "distance")
START, CURRENT, FORK = "PATH_START", "current token", "fork tokens"
LEAST = 50  # mazes: a distance at which fewer have a yes, or a no, is not asked
CUTS = 8  # into which those with a yes are divided, and those with a no: ranks are known to so many
BINS = 2 * CUTS + 1
ROOM = 0.02  # where controls leave less to know than this, the next distance says what is gained
Kinds = dict[str, Bool[np.ndarray, " sample"]]
Answers = Bool[np.ndarray, "sample slot"]
Ranks = Float[np.ndarray, "maze distance 2 bin"]
Areas = Float[np.ndarray, "draw distance"]


def target_of(fact: str, source: str) -> str:
    """The probe target that a fact is, seen from a source. Raises ValueError for an unknown fact or source."""
    if fact not in FACTS:
        raise recipes.unknown("fact", fact, FACTS)
    if source not in SOURCES:
        raise recipes.unknown("source", source, SOURCES)
    return {PASSAGES: "passage", BRANCH: "in_right_branch", DISTANCE: f"to_{source}"}[fact]


def places(tokenizer: Tokenizer, batch: MazeBatch, *, seed: int) -> tuple[Asked, Kinds]:
    """Samples at <PATH_START>, at one token of each path and at all of its forks; and which of them are which.

    Forks leave out the path's last cell, from which no step leads on; paths and edge orders are those of `ask`.
    """
    walked, begun = ask(tokenizer, batch, "path", seed=seed), ask(tokenizer, batch, "path_start", seed=seed)
    at_fork = targets.at_fork(walked)[:, 0] & (walked.step < walked.paths.length[walked.maze] - 1)
    drawn = current(walked.tokens, seed)[walked.maze, walked.position]
    kept = at_fork | drawn
    order = np.argsort(np.concatenate([begun.maze, walked.maze[kept]]), kind="stable")

    def joined(name: str) -> Int[np.ndarray, " sample"]:
        return np.concatenate([getattr(begun, name), getattr(walked, name)[kept]])[order]

    none = np.zeros(len(begun), dtype=bool)
    asked = replace(walked, maze=joined("maze"), position=joined("position"), step=joined("step"))
    return asked, {
        START: path_start(asked.tokens, seed)[asked.maze, asked.position],
        CURRENT: np.concatenate([none, drawn[kept]])[order],
        FORK: np.concatenate([none, at_fork[kept]])[order],
    }


def only(asked: Asked, which: Bool[np.ndarray, " sample"]) -> Asked:
    """Some samples, and the mazes that have any."""
    rows, maze = np.unique(asked.maze[which], return_inverse=True)
    solved = None if asked.solved is None else asked.solved[rows]
    position, step = asked.position[which], asked.step[which]
    return Asked(asked.mazes[rows], asked.paths[rows], asked.tokens[rows], maze, position, step, solved)


def steps_away(asked: Asked, fact: str, source: str) -> Int[np.ndarray, "sample slot"]:
    """How far from the source each slot of a fact lies; 0 is the source itself, -1 what cannot be reached."""
    apart = mazes.distances(asked.mazes.passages[asked.maze], SOURCES[source](asked))
    if fact != PASSAGES:
        return apart
    rows, cols = asked.mazes.rows, asked.mazes.cols
    inner = mazes.edge_ids(rows, cols)
    cell = inner % (rows * cols)
    ends = np.stack([apart[:, cell], apart[:, cell + np.where(inner < rows * cols, cols, 1)]])
    nearest = np.where(ends < 0, rows * cols, ends).min(axis=0)
    return np.where(nearest < rows * cols, nearest + 1, -1)


def questions(asked: Asked, fact: str, source: str) -> Iterator[tuple[Answers, Answers]]:
    """Of 1, 2, 3 ... steps from the source: (places where the answer is yes, places where it is no).

    They end before the first distance at which fewer than LEAST mazes have a yes, or a no.
    """
    away = steps_away(asked, fact, source)
    known = None if fact == DISTANCE else targets.TARGETS[target_of(fact, source)].values(asked)
    for steps in range(1, away.max(initial=0) + 1):
        here = away == steps
        yes, no = (here, away > steps) if known is None else (here & (known == 1), here & (known == 0))
        if min(len(np.unique(asked.maze[places.any(axis=1)])) for places in (yes, no)) < LEAST:
            return
        yield yes, no


def ranks(on: Bench, predicted: Outputs, fact: str, source: str, which: int = TEST) -> Ranks:
    """How many places of each maze were ranked how high, at each distance where the answer is no (0) or yes (1).

    `predicted` are outputs of a probe of the bench's targets on the mazes of one split.
    """
    asked = on.asked[which]
    value = predicted[:, on.truth[which].columns[target_of(fact, source)]]
    value = -value if fact == DISTANCE else value
    counts = []
    levels = (np.arange(CUTS) + 0.5) / CUTS
    for yes, no in questions(asked, fact, source):
        sample, slot = np.nonzero(yes | no)
        given = value[sample, slot]
        edges = np.sort(np.concatenate([np.quantile(value[places], levels) for places in (yes, no)]))
        where = (asked.maze[sample] * 2 + yes[sample, slot]) * BINS + np.searchsorted(edges, given)
        counts.append(np.bincount(where, minlength=len(asked.mazes) * 2 * BINS).reshape(-1, 2, BINS))
    return np.stack(counts, axis=1).astype(np.float64) if counts else np.zeros((len(asked.mazes), 0, 2, BINS))


def resampled(counts: Ranks, *, seed: int, draws: int = 1000) -> Areas:
    """The score at each distance, and after it those of mazes resampled with replacement, alike for an equal seed."""
    times = _times(len(counts), seed, draws)
    flat = counts.reshape(len(counts), -1).astype(np.float32)
    return areas((times @ flat).reshape(len(times), *counts.shape[1:]).astype(np.float64)).astype(np.float32)


@lru_cache(maxsize=2)
def _times(count: int, seed: int, draws: int) -> Float[np.ndarray, "draw maze"]:
    """How often each maze is counted: once, and then as resampling draws it."""
    drawn = seeds.generator(seed, "wavefront").multinomial(count, np.full(count, 1 / count), draws)
    return np.concatenate([np.ones((1, count)), drawn]).astype(np.float32)


def areas(counts: Float[np.ndarray, "*any 2 bin"]) -> Float[np.ndarray, "*any"]:
    """How often a yes is ranked above a no, ties counting half; 0.5 where one of them is missing."""
    no, yes = counts[..., 0, :], counts[..., 1, :]
    below = np.cumsum(no, axis=-1) - no / 2
    pairs = no.sum(axis=-1) * yes.sum(axis=-1)
    return np.where(pairs > 0, (yes * below).sum(axis=-1) / np.maximum(pairs, 1), 0.5)


def gained(model: Areas, controls: Sequence[Areas]) -> Areas:
    """The share of what the strongest control leaves to know that the model tells, draw by draw.

    At distances where the controls leave less than ROOM it is that of the next one (or else the last) where they do.
    """
    strongest = np.max(np.stack(controls), axis=0)
    share = (model - strongest) / np.maximum(1 - strongest, ROOM)
    (open_,) = np.nonzero(strongest[0] <= 1 - ROOM)
    if not len(open_):
        return np.zeros_like(share)
    nearest = np.minimum(np.searchsorted(open_, np.arange(share.shape[1])), len(open_) - 1)
    return share[:, open_[nearest]]


def radius(gain: Areas, threshold: float) -> Float[np.ndarray, " draw"]:
    """The distance in steps up to which, without a break, the gain is at least the threshold.

    To it comes the share of the threshold that is reached one step farther on; it is at most the farthest asked.
    """
    beyond = np.concatenate([gain, np.zeros((len(gain), 1))], axis=1)
    first = (beyond < threshold).argmax(axis=1)
    return first + np.clip(beyond[np.arange(len(gain)), first] / threshold, 0.0, 1.0)
