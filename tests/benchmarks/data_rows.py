"""Mazes beside maze-dataset: drawn, solved, written as tokens, and read from disk. One core each.

Mazes are drawn by both, so means are compared: passages are as many, path cells and tokens to SPREAD standard errors.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from contest import Check, Row, agree, alternate, timed
from conversation import Peer, turn

from maze_interp import mazes, tokens
from maze_interp.mazes import MazeBatch, World

GOAL, LOADING_GOAL = 500, 10
OURS, THEIRS = {6: 16_000, 20: 1_500}, {6: 200, 20: 20}  # mazes a turn by rows
SIDE = 7  # of the mazes that are loaded
SPREAD = 6
Work = Callable[[], object]


def data(peer: Peer | None, quick: bool) -> Iterator[Row]:
    """Generation, solving and tokenising, one by one and together; ours alone if there is no peer."""
    for rows in OURS:
        ours, theirs = (counts[rows] // (8 if quick else 1) for counts in (OURS, THEIRS))
        theirs = max(theirs, 4)
        for action, (work, each) in _works(rows, ours).items():
            turns = {"ours": timed(work)}
            if peer:
                turns["theirs"] = turn(peer, action, _alike(action, each, theirs), rows=rows, count=theirs)
            spent = alternate(turns, 2 if quick else 5)
            mine, what = ours / spent["ours"], f"RDFS {rows} x {rows}, {ours:,} mazes: {action}, mazes/s, 1 core"
            if not peer:
                yield Row(what, f"{mine:,.0f}")
                continue
            other, goal = theirs / spent["theirs"], GOAL if action == "together" else None
            yield Row(what, f"{mine:,.0f}", f"{other:,.0f} (maze-dataset, {theirs} mazes)", mine / other, goal)


def _alike(action: str, each: np.ndarray, count: int) -> Check:
    """That what `count` of their mazes come to in all has the mean of `each` of ours."""
    apart = SPREAD * float(each.std()) / count**0.5
    return lambda total: agree(f"{action}, a maze's mean", float(each.mean()), total / count, apart)


def _works(rows: int, count: int) -> dict[str, tuple[Work, np.ndarray]]:
    """What we do for each of the peer's actions, and what each maze of it comes to."""
    world, tokenizer = World(rows=rows, cols=rows), tokens.Tokenizer("adjacency_list", rows, rows)
    drawn = mazes.draw(world, count, seed=1)
    solutions = mazes.solve(drawn)
    passages = drawn.passages.sum(axis=(1, 2, 3))
    length = tokenizer.encode(drawn, solutions, seed=2).length

    def solve() -> object:
        start, goal = mazes.draw_endpoints(drawn.passages, seed=2)
        return mazes.solve(MazeBatch(drawn.passages, start, goal))

    def together() -> object:
        fresh = mazes.draw(world, count, seed=1)
        return tokenizer.encode(fresh, mazes.solve(fresh), seed=2)

    return {
        "generate": (lambda: mazes.generate("depth_first", count, rows, rows, seed=1), passages),
        "solve": (solve, solutions.length),
        "tokenise": (lambda: tokenizer.encode(drawn, solutions, seed=2), length),
        "together": (together, length),
    }


def loading(peer: Peer | None, quick: bool) -> Iterator[Row]:
    """The same mazes from our file, every byte read, and from theirs, which holds solutions too.

    So the goal is for ours when they have been solved; to read alone is told beside it.
    """
    count = 2_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as place:
        folder, arrays, file = (Path(place) / name for name in ("baked", "arrays.npz", "theirs.zanj"))
        world = World(rows=SIDE, cols=SIDE)
        mazes.bake(mazes.DatasetRecipe("bench", world, count, 10, 10, reason="to be loaded"), folder)
        held = mazes.load_baked(folder)
        paths = mazes.solve(held)
        cells = np.stack(np.divmod(paths.cells, SIDE), axis=-1).astype(np.int8)
        np.savez(arrays, passages=held.passages, paths=cells, length=paths.length)
        there = int(held.passages.sum()) + int(paths.length.sum())

        def load() -> MazeBatch:
            baked = mazes.load_baked(folder)
            for array in (baked.passages, baked.start, baked.goal):
                np.ascontiguousarray(array).view(np.uint8).sum()
            return baked

        turns = {
            "ours": timed(load),
            "solved": timed(lambda: mazes.solve(load())),
        }
        if peer:
            check = lambda total: agree("passages and path cells that were read", there, total)  # noqa: E731
            turns["theirs"] = turn(peer, "load", check, arrays=str(arrays), file=str(file))
        spent = alternate(turns, 3)
    for name, also, goal in (("ours", "", None), ("solved", " and solved, as theirs are", LOADING_GOAL)):
        what = f"loading {count:,} RDFS mazes of {SIDE} x {SIDE}, every byte read{also}: ms"
        if not peer:
            yield Row(what, f"{1e3 * spent[name]:,.1f}")
            continue
        beside = f"{1e3 * spent['theirs']:,.0f} (maze-dataset, with solutions)"
        yield Row(what, f"{1e3 * spent[name]:,.1f}", beside, spent["theirs"] / spent[name], goal)
