"""Where heads look and what they move, layer by layer: what a head is called, what its matrices do to tokens.

Whether the embedding holds a map of the lattice is asked in `attention.embeddings`.
"""

from maze_interp.attention import embeddings
from maze_interp.attention.attribution import Part, Written, attribute, by_layer, written
from maze_interp.attention.circuits import CIRCUITS, PATTERNS, circuit_rows, ov_circuit, qk_circuit
from maze_interp.attention.depths import depths_later, reached
from maze_interp.attention.distance import ByDistance, by_distance, distance_rows
from maze_interp.attention.heads import SCORES, HeadScores, Score, score_heads
from maze_interp.attention.lens import Streams, TunedLens, logit_lens, streams, tune, tuned_lens
from maze_interp.attention.names import bears, head_names, score_rows, strongest

__all__ = [
    "CIRCUITS",
    "PATTERNS",
    "SCORES",
    "ByDistance",
    "HeadScores",
    "Part",
    "Score",
    "Streams",
    "TunedLens",
    "Written",
    "attribute",
    "bears",
    "by_distance",
    "by_layer",
    "circuit_rows",
    "depths_later",
    "distance_rows",
    "embeddings",
    "head_names",
    "logit_lens",
    "ov_circuit",
    "qk_circuit",
    "reached",
    "score_heads",
    "score_rows",
    "streams",
    "strongest",
    "tune",
    "tuned_lens",
    "written",
]
