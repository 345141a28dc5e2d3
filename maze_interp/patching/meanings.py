"""What each position of a prompt means at one fork, so that what is found there can be averaged over mazes.

Position 57 is the goal in one maze and a corridor in the next. Seen from a fork, a position has one meaning: it belongs
to the edge that was changed, to an edge at the fork, to one on the way from there to the goal, to another edge, or it
names the start, the goal or a cell of the path. What lies on the way that the corrupted maze asks for has a meaning of
its own. The `;` that ends an edge, at which a first layer may join its two
cells, is told from the tokens that name it, and the words between the sections, where a network may put down what it
has read, from each other.
"""

import numpy as np
from jaxtyping import Bool, Int

from maze_interp.mazes import NO_CELL, PathBatch
from maze_interp.tokens import EDGE, GOAL, PATH, START, TokenBatch
from maze_interp.tokens.vocabulary import ADJLIST_END, ADJLIST_START, PATH_START, SEMICOLON, SPECIALS

MEANINGS = (
    "changed edge",
    "; of the changed edge",
    "edge at the fork",
    "; of an edge at the fork",
    "edge on the way",
    "; of an edge on the way",
    "edge on the other way",
    "; of an edge on the other way",
    "other edge",
    "; of another edge",
    "<ADJLIST_START>",
    "<ADJLIST_END>",
    "<ORIGIN_START>",
    "start",
    "<ORIGIN_END>",
    "<TARGET_START>",
    "goal",
    "<TARGET_END>",
    "<PATH_START>",
    "earlier path",
    "here",
)
NOT_READ = -1  # what follows the decision
CHANGED, AT_FORK, ON_THE_WAY, ON_THE_OTHER, OTHER = 0, 2, 4, 6, 8


def meanings(
    tokens: TokenBatch,
    changed: Bool[np.ndarray, "pair position"],
    decision: Int[np.ndarray, " pair"],
    onward: PathBatch,
    rival: PathBatch,
) -> Int[np.ndarray, "pair position"]:
    """The index in MEANINGS of every position, int8; NOT_READ behind the decision.

    `changed` are the positions at which the two prompts differ, `decision` that of the token that names the fork,
    `onward` the path from there to the goal in the clean maze and `rival` the one in the corrupted maze. An edge
    belongs to the first of the kinds above that it could.
    """
    row, position = np.arange(len(tokens))[:, None], np.arange(tokens.ids.shape[1])
    inside = (tokens.part == EDGE) & ~np.isin(tokens.ids, (ADJLIST_START, ADJLIST_END))
    ends, names = inside & (tokens.ids == SEMICOLON), tokens.cell != NO_CELL
    edge = np.cumsum(ends, axis=1) - ends
    place, elsewhere = (_place_on(path, tokens.cell, names) for path in (onward, rival))
    kinds = (
        _any(edge, inside & changed),
        _any(edge, inside & (place == 0)),
        _steps(edge, inside & (place >= 0), place),
        _steps(edge, inside & (elsewhere >= 0), elsewhere),
    )
    numbers = [CHANGED, AT_FORK, ON_THE_WAY, ON_THE_OTHER]
    kind = np.select([one[row, edge] for one in kinds], numbers, OTHER) + ends
    named = {
        **{SPECIALS[word]: tokens.ids == word for word in range(PATH_START + 1)},
        "start": (tokens.part == START) & names,
        "goal": (tokens.part == GOAL) & names,
        "here": position == decision[:, None],
        "earlier path": (tokens.part == PATH) & names,
    }
    others = [MEANINGS.index(name) for name in named]
    found = np.select([inside, *named.values()], [kind, *others], NOT_READ)
    return np.where(position <= decision[:, None], found, NOT_READ).astype(np.int8)


def _place_on(path: PathBatch, cell: np.ndarray, names: np.ndarray) -> Int[np.ndarray, "pair position"]:
    """Which step of the path each token's cell is; -1 where it is none, or the token names no cell."""
    same = path.cells[:, None, :] == cell[:, :, None]
    same &= names[:, :, None] & (np.arange(path.cells.shape[1]) < path.length[:, None])[:, None, :]
    return np.where(same.any(axis=2), same.argmax(axis=2), -1)


def _any(edge: np.ndarray, where: np.ndarray) -> Bool[np.ndarray, "pair edge"]:
    """Which edges of the list have a token `where`."""
    return _count(edge, where.astype(int)) > 0


def _steps(edge: np.ndarray, where: np.ndarray, place: np.ndarray) -> Bool[np.ndarray, "pair edge"]:
    """Which edges of the list lie on the path: both their cells do, a step apart."""
    both = _count(edge, where.astype(int)) == 2
    apart = _count(edge, np.where(where, place, 0)) - 2 * _least(edge, where, place)
    return both & (apart == 1)


def _count(edge: np.ndarray, values: np.ndarray) -> Int[np.ndarray, "pair edge"]:
    total = np.zeros((len(edge), int(edge.max(initial=0)) + 1), int)
    np.add.at(total, (np.arange(len(edge))[:, None], edge), values)
    return total


def _least(edge: np.ndarray, where: np.ndarray, place: np.ndarray) -> Int[np.ndarray, "pair edge"]:
    least = np.full((len(edge), int(edge.max(initial=0)) + 1), place.shape[1])
    np.minimum.at(least, (np.arange(len(edge))[:, None], edge), np.where(where, place, place.shape[1]))
    return least
