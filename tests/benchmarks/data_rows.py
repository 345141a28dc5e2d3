"""Mazes beside maze-dataset: drawn, solved, written as tokens, and read from disk. One core each."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from contest import Row, alternate, timed
from conversation import Peer, turn, value

from maze_interp import mazes, tokens
from maze_interp.mazes import MazeBatch, World

GOAL, LOADING_GOAL = 500, 10
OURS, THEIRS = {6: 16_000, 20: 1_500}, {6: 200, 20: 20}  # mazes a turn by rows
SIDE = 7  # of the mazes that are loaded


def data(peer: Peer, quick: bool) -> Iterator[Row]:
    """Generation, solving and tokenising, one by one and together."""
    for rows in OURS:
        ours, theirs = (counts[rows] // (8 if quick else 1) for counts in (OURS, THEIRS))
        theirs = max(theirs, 4)
        for action, work in _works(rows, ours).items():
            turns = {"ours": timed(work), "theirs": turn(peer, action, rows=rows, count=theirs)}
            spent = alternate(turns, 2 if quick else 7)
            mine, other = ours / spent["ours"], theirs / spent["theirs"]
            what = f"RDFS {rows} x {rows}, {ours:,} mazes (theirs {theirs}): {action}, mazes/s, 1 core"
            goal = GOAL if action == "together" else None
            yield Row(what, f"{mine:,.0f}", f"{other:,.0f} (maze-dataset)", mine / other, goal)


def _works(rows: int, count: int) -> dict[str, Callable[[], object]]:
    """What we do for each of the peer's actions."""
    world, tokenizer = World(rows=rows, cols=rows), tokens.Tokenizer("adjacency_list", rows, rows)
    drawn = mazes.draw(world, count, seed=1)
    solutions = mazes.solve(drawn)

    def solve() -> object:
        start, goal = mazes.draw_endpoints(drawn.passages, seed=2)
        return mazes.solve(MazeBatch(drawn.passages, start, goal))

    def together() -> object:
        fresh = mazes.draw(world, count, seed=1)
        return tokenizer.encode(fresh, mazes.solve(fresh), seed=2)

    return {
        "generate": lambda: mazes.generate("depth_first", count, rows, rows, seed=1),
        "solve": solve,
        "tokenise": lambda: tokenizer.encode(drawn, solutions, seed=2),
        "together": together,
    }


def loading(peer: Peer, quick: bool) -> Iterator[Row]:
    """The same mazes from our file, every byte read, and from theirs, which holds solutions too."""
    count = 2_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as place:
        folder, arrays, file = (Path(place) / name for name in ("baked", "arrays.npz", "theirs.zanj"))
        world = World(rows=SIDE, cols=SIDE)
        mazes.bake(mazes.DatasetRecipe("bench", world, count, 10, 10, reason="to be loaded"), folder)
        held = mazes.load_baked(folder)
        paths = mazes.solve(held)
        cells = np.stack(np.divmod(paths.cells, SIDE), axis=-1).astype(np.int8)
        np.savez(arrays, passages=held.passages, paths=cells, length=paths.length)
        if value(peer, "load", arrays=str(arrays), file=str(file)) != held.passages.sum():
            raise ValueError("maze-dataset read other mazes than were written")

        def load() -> MazeBatch:
            baked = mazes.load_baked(folder)
            for array in (baked.passages, baked.start, baked.goal):
                np.ascontiguousarray(array).view(np.uint8).sum()
            return baked

        turns = {
            "ours": timed(load),
            "solved": timed(lambda: mazes.solve(load())),
            "theirs": turn(peer, "load", arrays=str(arrays), file=str(file)),
        }
        spent = alternate(turns, 3 if quick else 5)
    beside = f"{1e3 * spent['theirs']:,.0f} (maze-dataset)"
    for name, also, goal in (("ours", "", LOADING_GOAL), ("solved", " and solved, as theirs are", None)):
        what = f"loading {count:,} RDFS mazes of {SIDE} x {SIDE}, every byte read{also}: ms"
        yield Row(what, f"{1e3 * spent[name]:,.1f}", beside, spent["theirs"] / spent[name], goal)
