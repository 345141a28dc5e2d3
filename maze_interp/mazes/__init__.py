"""Mazes: what they are, how to draw them, solve them, measure them and write them down.

What a path is worth is asked in `mazes.paths`: `mazes.paths.valid(mazes, paths)`.
"""

from maze_interp.mazes import paths
from maze_interp.mazes.baking import DatasetRecipe, bake, load_baked
from maze_interp.mazes.batch import CUT, DOWN, END, INVALID, NO_CELL, RIGHT, MazeBatch, PathBatch
from maze_interp.mazes.branches import NEVER, Branches, branches
from maze_interp.mazes.decisions import KINDS, Decisions, decisions, look_ahead
from maze_interp.mazes.edits import controls, move_goal, move_passage, translate, turn
from maze_interp.mazes.endpoints import Endpoints, draw_endpoints
from maze_interp.mazes.exchange import from_dataset, join, read_parquet, to_dataset, write_parquet
from maze_interp.mazes.extents import EXTENTS
from maze_interp.mazes.generators import CONNECTED, GENERATORS, NEITHER, SPANNING_TREE, Generator, generate
from maze_interp.mazes.guessing import baseline_success
from maze_interp.mazes.hashing import SPLITS, TEST, TRAIN, VALIDATION, passage_hash, split_name, split_of
from maze_interp.mazes.interop import (
    from_graphs,
    from_maze_dataset,
    from_networkx,
    to_graphs,
    to_maze_dataset,
    to_networkx,
)
from maze_interp.mazes.kinds import Mixture, World, describe, each
from maze_interp.mazes.lattice import edge_ends, edge_ids
from maze_interp.mazes.measures import MEASURES
from maze_interp.mazes.moves import MOVES, single_moves
from maze_interp.mazes.pairs import Pairs, edited_order, unedited
from maze_interp.mazes.raster import from_ascii, from_pixels, to_ascii, to_pixels
from maze_interp.mazes.solving import distances, on_shortest_path, shortest_path_counts, solve
from maze_interp.mazes.streaming import stream
from maze_interp.mazes.support import is_depth_first_tree
from maze_interp.mazes.symmetries import canonical_hash, images
from maze_interp.mazes.text import draw_text, parse_text
from maze_interp.mazes.topology import components, dead_ends, degrees, edge_count, forks
from maze_interp.mazes.worlds import acceptance, draw, take, take_paths
from maze_interp.mazes.zanj import read_zanj, write_zanj

__all__ = [
    "CONNECTED",
    "CUT",
    "DOWN",
    "END",
    "EXTENTS",
    "GENERATORS",
    "INVALID",
    "KINDS",
    "MEASURES",
    "MOVES",
    "NEITHER",
    "NEVER",
    "NO_CELL",
    "RIGHT",
    "SPANNING_TREE",
    "SPLITS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Branches",
    "DatasetRecipe",
    "Decisions",
    "Endpoints",
    "Generator",
    "MazeBatch",
    "Mixture",
    "Pairs",
    "PathBatch",
    "World",
    "acceptance",
    "bake",
    "baseline_success",
    "branches",
    "canonical_hash",
    "components",
    "controls",
    "dead_ends",
    "decisions",
    "degrees",
    "describe",
    "distances",
    "draw",
    "draw_endpoints",
    "draw_text",
    "each",
    "edge_count",
    "edge_ends",
    "edge_ids",
    "edited_order",
    "forks",
    "from_ascii",
    "from_dataset",
    "from_graphs",
    "from_maze_dataset",
    "from_networkx",
    "from_pixels",
    "generate",
    "images",
    "is_depth_first_tree",
    "join",
    "load_baked",
    "look_ahead",
    "move_goal",
    "move_passage",
    "on_shortest_path",
    "parse_text",
    "passage_hash",
    "paths",
    "read_parquet",
    "read_zanj",
    "shortest_path_counts",
    "single_moves",
    "solve",
    "split_name",
    "split_of",
    "stream",
    "take",
    "take_paths",
    "to_ascii",
    "to_dataset",
    "to_graphs",
    "to_maze_dataset",
    "to_networkx",
    "to_pixels",
    "translate",
    "turn",
    "unedited",
    "write_parquet",
    "write_zanj",
]
