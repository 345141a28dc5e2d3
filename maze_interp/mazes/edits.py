"""One thing changed: a passage moved, the goal moved, or the maze as a whole turned or moved.

Every edit takes mazes without cycles and decisions on their solutions and gives `Pairs`. At each fork there is one
pair, fairly drawn, for every distance at which there is such an edit, and one more within the support of depth-first
search if some are within it and some are not: the rare pairs are not drowned by the frequent ones. An edit that
flips the choice is compared with its control, an edit at the same fork and distance that must not flip it.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import recipes, seeds
from maze_interp.mazes import lattice, mixtures
from maze_interp.mazes.batch import MazeBatch
from maze_interp.mazes.decisions import Decisions
from maze_interp.mazes.extents import EXTENTS, Extent
from maze_interp.mazes.moves import Moves, goal_moves, passage_moves
from maze_interp.mazes.pairs import NO_EDGE, Pairs, settled, unedited
from maze_interp.mazes.support import is_depth_first_tree
from maze_interp.mazes.symmetries import images

WAY = {2: 0, 1: 1, -2: 2, -1: 3}  # between neighbouring cells of a lattice of 2 x 2
CHUNK = 1 << 16  # mazes made at once only to see whether they are in support, or how much moved
NEARLY = 1.25  # times as many cells are nearly as many


def move_passage(
    mazes: MazeBatch,
    forks: Decisions,
    *,
    seed: int,
    kind: str = "flip",
    nearest: int = 1,
    farthest: int | None = None,
    count: int | None = None,
    first: int = 0,
) -> Pairs:
    """Pairs in which one passage was closed and another opened; both mazes are trees of the same cells.

    By `kind`, the choice at the fork flips ("flip"), or the solution changes but not there ("keep"), or the solution
    does not change ("irrelevant"); `moves` explains. The passages that move touch neither the fork nor the way to it,
    and the nearer one is `nearest` to `farthest` steps away. All pairs that there are, by fork and distance, or
    `count` of them, drawn evenly: a ValueError says how many were found if that is too many. Decision i's pairs depend
    on (seed, first + i) and its maze alone.
    """
    within = _bounds(mazes, nearest, farthest)
    pairs = unedited(mazes, forks)
    moves = passage_moves(pairs.base, pairs.here, kind, within, seed=seed, first=first)
    return _some(_moved(pairs, moves, _with_passage_moved), count, seed)


def move_goal(
    mazes: MazeBatch,
    forks: Decisions,
    *,
    seed: int,
    kind: str = "flip",
    nearest: int = 1,
    farthest: int | None = None,
    count: int | None = None,
    first: int = 0,
) -> Pairs:
    """Pairs in which only the goal moved: behind another option ("flip") or behind the same ("keep").

    Otherwise as `move_passage`; the distance is that to the nearer of the two goals.
    """
    within = _bounds(mazes, nearest, farthest)
    pairs = unedited(mazes, forks)
    moves = goal_moves(pairs.base, pairs.here, kind, within, seed=seed, first=first)
    return _some(_moved(pairs, moves, _with_goal_moved), count, seed)


def controls(
    pairs: Pairs, *, seed: int, kind: str | None = None, alike: str = "", first: int = 0
) -> tuple[Pairs, Int[np.ndarray, " control"]]:
    """(controls, the index of the pair that each is a control of): one for every pair that has any.

    A control is an edit of another `kind` of the same base maze, at the same distance from the same fork, with the
    same rival, on the same side of the support: an "irrelevant" move of a passage, or, for goals, one of kind "keep".
    With `alike`, one of `EXTENTS`, it is the one that moves most nearly as much as the pair's edit, and a pair has none
    if all move more than NEARLY times as much, or less than a NEARLY-th. Raises ValueError for an unknown extent.
    """
    if alike and alike not in EXTENTS:
        raise recipes.unknown("extent of an edit", alike, EXTENTS)
    goals = bool((pairs.removed == NO_EDGE).all())
    find, kind = (goal_moves, kind or "keep") if goals else (passage_moves, kind or "irrelevant")
    at = pairs.distance, pairs.distance
    moves = find(pairs.base, pairs.here, kind, at, seed=seeds.derive(seed, "controls"), first=first)
    edit = _with_goal_moved if goals else _with_passage_moved
    moves = moves[_in_support(pairs, moves, edit) == pairs.in_support[moves.fork]]
    unlike = np.zeros(len(moves))
    if alike:
        unlike = _unlike(pairs, moves, edit, EXTENTS[alike])
        moves, unlike = moves[unlike <= np.log(NEARLY)], unlike[unlike <= np.log(NEARLY)]
    return _moved(pairs, moves, edit, unlike), np.unique(moves.fork)


def turn(mazes: MazeBatch, forks: Decisions, image: int) -> Pairs:
    """Each maze with its mirror image or rotation `image`, the number of a symmetry as `images` counts them."""
    turned = images(mazes)
    if not 0 <= image < len(turned):
        raise ValueError(f"a lattice of {mazes.rows} x {mazes.cols} has the images 0 to {len(turned) - 1}, not {image}")
    pairs = unedited(mazes, forks)
    places, corner = _places(mazes.rows, mazes.cols, image), _places(2, 2, image)
    down, right = (WAY[int(corner[cell] - corner[0])] for cell in (2, 1))
    ways = np.array([down, right, down ^ 2, right ^ 2])
    return settled(pairs, turned[image][pairs.maze], places=places, ways=ways)


def translate(mazes: MazeBatch, forks: Decisions, rows: int, cols: int, *, top: int, left: int) -> Pairs:
    """Each maze with itself on a lattice of rows x cols, with its first cell at (top, left), closed cells around it."""
    if not (0 <= top <= rows - mazes.rows and 0 <= left <= cols - mazes.cols):
        raise ValueError(f"mazes of {mazes.rows} x {mazes.cols} at ({top}, {left}) do not fit on {rows} x {cols} cells")
    pairs = unedited(mazes, forks)
    row, col = np.divmod(pairs.places, mazes.cols)
    corner = np.full(len(pairs), top), np.full(len(pairs), left)
    return settled(pairs, mixtures.placed(pairs.base, rows, cols, *corner), places=(row + top) * cols + col + left)


Edit = Callable[[MazeBatch, Moves], MazeBatch]


def _with_passage_moved(mazes: MazeBatch, moves: Moves) -> MazeBatch:
    edges = lattice.flat(mazes.passages).copy()
    row = np.arange(len(moves))
    edges[row, moves.removed], edges[row, moves.added] = False, True
    return replace(mazes, passages=edges.reshape(mazes.passages.shape))


def _with_goal_moved(mazes: MazeBatch, moves: Moves) -> MazeBatch:
    return replace(mazes, goal=moves.added)


def _in_support(pairs: Pairs, moves: Moves, edit: Edit) -> Bool[np.ndarray, " move"]:
    parts = [moves[begin : begin + CHUNK] for begin in range(0, len(moves), CHUNK)]
    found = [is_depth_first_tree(edit(pairs.base[part.fork], part).passages) for part in parts]
    return np.concatenate([np.empty(0, bool), *found])


def _unlike(pairs: Pairs, moves: Moves, edit: Edit, extent: Extent) -> Float[np.ndarray, " move"]:
    """By how much, as the logarithm of a ratio, each move moves more or less than the edit of its pair."""
    own, found = extent(pairs), [np.empty(0, int)]
    for part in (moves[begin : begin + CHUNK] for begin in range(0, len(moves), CHUNK)):
        some = pairs[part.fork]
        removed = part.removed if edit is _with_passage_moved else some.removed
        found.append(extent(replace(some, edited=edit(some.base, part), removed=removed)))
    return abs(np.log(np.maximum(np.concatenate(found), 1) / np.maximum(own[moves.fork], 1)))


def _moved(pairs: Pairs, moves: Moves, edit: Edit, unlike: Float[np.ndarray, " move"] | float = 0.0) -> Pairs:
    """Of each fork's moves, one per distance and side of the support: the least unlike, of several any."""
    slot = np.stack([moves.fork, moves.distance, _in_support(pairs, moves, edit)])
    order = np.lexsort([moves.key, np.broadcast_to(unlike, len(moves)), *slot[::-1]])
    slot = slot[:, order]
    moves = moves[order[np.r_[True, (slot[:, 1:] != slot[:, :-1]).any(axis=0)][: len(order)]]]
    pairs = pairs[moves.fork]
    edited = edit(pairs.base, moves)
    goals = edit is _with_goal_moved
    return settled(
        pairs,
        edited,
        removed=np.full(len(moves), NO_EDGE) if goals else moves.removed,
        added=np.full(len(moves), NO_EDGE) if goals else moves.added,
        removed_way=moves.removed_way,
        added_way=moves.added_way,
        distance_removed=moves.distance_removed,
        distance_added=moves.distance_added,
    )


def _some(pairs: Pairs, count: int | None, seed: int) -> Pairs:
    if count is None:
        return pairs
    if count > len(pairs):
        raise ValueError(f"{len(pairs)} pairs of this kind were found, fewer than the {count} asked for")
    return pairs[np.sort(seeds.generator(seed, "pairs").permutation(len(pairs))[:count])]


def _bounds(mazes: MazeBatch, nearest: int, farthest: int | None) -> tuple[int, int]:
    farthest = mazes.rows * mazes.cols if farthest is None else farthest
    if not 1 <= nearest <= farthest:
        raise ValueError(
            f"an edit lies 1 step or more from the fork, and not beyond the farthest: not from {nearest} to {farthest}"
        )
    return nearest, farthest


def _places(rows: int, cols: int, image: int) -> Int[np.ndarray, " cell"]:
    """Where each cell of a lattice comes to lie in an image of it."""
    cells = np.arange(rows * cols)
    closed = np.zeros((len(cells), 2, rows, cols), dtype=bool)
    return images(MazeBatch(closed, cells, cells))[image].start
