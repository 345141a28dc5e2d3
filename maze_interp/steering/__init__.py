"""Steering: change what the network holds of the maze, and see whether it walks the maze that it was made to see."""

from maze_interp.steering import autoencoders, features, retargeting, trees
from maze_interp.steering.autoencoders import Autoencoder, AutoencoderRecipe
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
from maze_interp.steering.movers import METHODS, Mover, edit, mover
from maze_interp.steering.passages import NO_EDGE, PLACES, WISHES, Spoken, Wish, at, changes, places, spoken, wishes
from maze_interp.steering.walking import Change, Steered, astray, pushed, replaced, walk

__all__ = [
    "METHODS",
    "NO_EDGE",
    "PLACES",
    "WISHES",
    "Autoencoder",
    "AutoencoderRecipe",
    "Change",
    "Eraser",
    "Mover",
    "Spoken",
    "Steered",
    "Sums",
    "Wish",
    "astray",
    "at",
    "autoencoders",
    "changes",
    "class_means",
    "difference_of_means",
    "edit",
    "eraser",
    "features",
    "moved_across",
    "mover",
    "places",
    "pushed",
    "random_like",
    "replaced",
    "retargeting",
    "spoken",
    "sums",
    "trees",
    "walk",
    "wishes",
]
