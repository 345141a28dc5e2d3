"""Mazes: what they are, how to draw them, solve them, measure them and write them down."""

from maze_interp.mazes.batch import CUT, DOWN, END, INVALID, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.mazes.endpoints import draw_endpoints
from maze_interp.mazes.generators import CONNECTED, GENERATORS, NEITHER, SPANNING_TREE, Generator, generate
from maze_interp.mazes.lattice import edge_ends, edge_ids
from maze_interp.mazes.solving import distances, on_shortest_path, shortest_path_counts, solve

__all__ = [
    "CONNECTED",
    "CUT",
    "DOWN",
    "END",
    "GENERATORS",
    "INVALID",
    "NEITHER",
    "NO_CELL",
    "RIGHT",
    "SPANNING_TREE",
    "Generator",
    "MazeBatch",
    "PathBatch",
    "distances",
    "draw_endpoints",
    "edge_ends",
    "edge_ids",
    "generate",
    "on_shortest_path",
    "shortest_path_counts",
    "solve",
]
