"""Steering: change what the network holds of the maze, and see whether it walks the maze that it was made to see."""

from maze_interp.steering.directions import (
    Eraser,
    Sums,
    class_means,
    difference_of_means,
    eraser,
    moved_across,
    random_like,
    sums,
)
from maze_interp.steering.movers import METHODS, edit, mover
from maze_interp.steering.passages import NO_EDGE, PLACES, WISHES, Spoken, Wish, changes, spoken, wishes
from maze_interp.steering.walking import Change, Steered, astray, pushed, walk

__all__ = [
    "METHODS",
    "NO_EDGE",
    "PLACES",
    "WISHES",
    "Change",
    "Eraser",
    "Spoken",
    "Steered",
    "Sums",
    "Wish",
    "astray",
    "changes",
    "class_means",
    "difference_of_means",
    "edit",
    "eraser",
    "moved_across",
    "mover",
    "pushed",
    "random_like",
    "spoken",
    "sums",
    "walk",
    "wishes",
]
