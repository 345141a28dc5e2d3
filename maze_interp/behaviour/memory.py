"""Does a walker know its training mazes by heart?

Three comparisons, each of which memory would give away. Mazes it read against mazes of the same world it never read.
Mazes it read against images of them, turned or mirrored, that it never read: the same problem, so the comparison is
maze by maze. And unread mazes by how far the nearest read one is, in passages that one has and the other has not:
whoever solves by likeness does better where there is more of it.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt64

from maze_interp import seeds, tables
from maze_interp.behaviour.regression import logistic_regression
from maze_interp.behaviour.solvers.recall import nearest
from maze_interp.behaviour.walkers import Progress, Walker
from maze_interp.mazes import MazeBatch, images, passage_hash, paths, solve
from maze_interp.tables import Row


def memory(
    walker: Walker,
    read: MazeBatch,
    unread: MazeBatch,
    *,
    seed: int,
    count: int = 1000,
    turned: bool = True,
    progress: Progress | None = None,
) -> list[Row]:
    """Rows of all three comparisons for `count` of the mazes that were `read` (as `training.mazes_read` gives them).

    `solved` is the share of mazes walked along a shortest path: of read and of unread ones, of read ones with an unread
    image, and of that image; `read - unread` and `read - image` are differences. Without `turned`, for a world that
    does not treat all directions alike, or without an unread image there are none of images. Then `solved` by distance,
    as `solved_by_distance` has it. `progress` counts mazes walked. Raises ValueError if an unread maze was read or if
    there are none of either kind.
    """
    known = _told_apart(read, unread)
    some = read[np.sort(seeds.generator(seed, "read").permutation(len(read))[:count])]
    which, twins = unread_images(some, known)
    groups = [some, unread, *([twins] if turned and len(twins) else [])]
    solved, total = [], sum(map(len, groups))
    for group in groups:
        solved.append(paths.optimal(group, walker.walk(group)))
        if progress is not None:
            progress(sum(map(len, solved)), total)
    rows = [
        tables.proportion("solved", solved[0], mazes="read"),
        tables.proportion("solved", solved[1], mazes="unread"),
        tables.difference("read - unread", solved[0], solved[1]),
    ]
    if len(groups) == 3:
        rows += [
            tables.proportion("solved", solved[0][which], mazes="read, with an unread image"),
            tables.proportion("solved", solved[2], mazes="unread image"),
            tables.paired_difference("read - image", solved[0][which], solved[2], seed=seed),
        ]
    return rows + solved_by_distance(solved[1], distance_to_read(unread, read), solve(unread, seed=seed).length)


def unread_images(mazes: MazeBatch, known: UInt64[np.ndarray, " other"]) -> tuple[Int[np.ndarray, " image"], MazeBatch]:
    """The mazes' images under a symmetry of the lattice whose passage hash is not `known`, one where there are several.

    Returns which maze each is of, ascending, and the images, their starts and goals with them.
    """
    others = images(mazes)[1:]
    new = np.stack([~np.isin(passage_hash(image.passages), known) for image in others])
    which = np.flatnonzero(new.any(axis=0))
    symmetry = new.argmax(axis=0)[which]
    ends = [np.stack([getattr(image, end) for image in others])[symmetry, which] for end in ("start", "goal")]
    return which, MazeBatch(np.stack([image.passages for image in others])[symmetry, which], *ends)


def distance_to_read(mazes: MazeBatch, read: MazeBatch) -> Int[np.ndarray, " maze"]:
    """In how many passages, open in one and closed in the other, each maze differs from the read one most like it."""
    most_like = read.passages[nearest(mazes.passages, read.passages)]
    return (mazes.passages != most_like).sum(axis=(1, 2, 3))


def solved_by_distance(
    solved: Bool[np.ndarray, " maze"], distance: Int[np.ndarray, " maze"], length: Int[np.ndarray, " maze"]
) -> list[Row]:
    """The share of mazes solved at each distance, and the log-odds for one standard deviation of distance and length.

    Both are fitted together, because a maze unlike all others may be harder too: what is left to the distance holds
    between mazes whose paths are equally long (in cells). nan where outcomes or distances are all alike.
    """
    shares = [tables.proportion("solved", solved[distance == far], distance=int(far)) for far in np.unique(distance)]
    _, *slopes = logistic_regression(np.stack([distance, length], axis=1), solved).rows(["distance", "length"])
    return shares + [Row(f"log-odds by {row.measure}", row.value, row.low, row.high, row.n) for row in slopes]


def _told_apart(read: MazeBatch, unread: MazeBatch) -> UInt64[np.ndarray, " maze"]:
    """The hashes of the mazes read. Raises ValueError unless there are mazes of both kinds and none is of both."""
    if not (len(read) and len(unread)):
        raise ValueError(f"memory is told by read and by unread mazes, and there are {len(read)} and {len(unread)}")
    known = passage_hash(read.passages)
    overlap = np.isin(passage_hash(unread.passages), known)
    if overlap.any():
        raise ValueError(f"maze {int(overlap.argmax())} of the {len(unread)} unread ones was read")
    return known
