"""What may be known at a glance, without a search: the bags beside which a wavefront is watched.

Of the tokens and of the edges read; of the current, the goal and the start cell, alone (the fewer the features, the
less is lost on noise) and together; of these with where the goal lies from the current cell, and with each pair of the
two; with the cells that the path came by last; and of all that. One more stands aside and is no control: the right next
step told. What a model gains on the others but not on that one is what anyone knows who knows the next step.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from maze_interp.mazes import NO_CELL
from maze_interp.probing import targets
from maze_interp.probing.bench import Part
from maze_interp.probing.features import BAGS
from maze_interp.probing.positions import Asked
from maze_interp.probing.wavefront import SOURCES
from maze_interp.tokens import Tokenizer

GLANCE, ANSWER = "tokens, cells and way", "next step"
EDGES, OFFSET, PAIRS, ALL = "edges", "cells and offset", "cells, offset and pair", "edges, tokens, way and pair"
ALONE = tuple(f"{source} cell" for source in SOURCES)
GLANCES = ("tokens", EDGES, *ALONE, "cells", OFFSET, PAIRS, "cells and way", GLANCE, ALL)
NAMING = (EDGES, ALL)  # bags that name edges
PAIR = ("goal", "current")
BACK = 3  # cells of the way behind
Bag = Callable[[Asked], Part]


def glances(tokenizer: Tokenizer) -> dict[str, Bag]:
    """What may be known without a search, by name; ANSWER may not."""

    def tokens(asked: Asked) -> Part:
        return BAGS["tokens"](asked, tokenizer)

    def cells(asked: Asked) -> Part:
        return BAGS["cells"](asked, tokenizer)

    def edges(asked: Asked) -> Part:
        return BAGS["edges"](asked, tokenizer)

    return {
        "tokens": tokens,
        EDGES: edges,
        **{name: partial(_alone, source) for name, source in zip(ALONE, SOURCES, strict=True)},
        "cells": cells,
        OFFSET: partial(_together, (cells, _offset)),
        PAIRS: partial(_together, (cells, _offset, _pair)),
        ALL: partial(_together, (edges, tokens, cells, _way, _offset, _pair)),
        "cells and way": partial(_together, (cells, _way)),
        GLANCE: partial(_together, (tokens, cells, _way)),
        ANSWER: partial(_together, (tokens, cells, _way, _next_step)),
    }


def _together(bags: Sequence[Bag], asked: Asked) -> Part:
    return np.concatenate([bag(asked) for bag in bags], axis=1)


def _alone(source: str, asked: Asked) -> Part:
    """Where the source is and nothing else, a feature for each cell."""
    one_hot = SOURCES[source](asked)[:, None] == np.arange(asked.mazes.rows * asked.mazes.cols)
    return one_hot.astype(np.float32)


def _offset(asked: Asked) -> Float[np.ndarray, "sample feature"]:
    """How many rows and columns the goal lies from the current cell, a feature for each two of them."""
    rows, cols = asked.mazes.rows, asked.mazes.cols
    away = [goal - here for goal, here in zip(*(divmod(SOURCES[name](asked), cols) for name in PAIR), strict=True)]
    place = (away[0] + rows - 1) * (2 * cols - 1) + away[1] + cols - 1
    return (place[:, None] == np.arange((2 * rows - 1) * (2 * cols - 1))).astype(np.float32)


def _pair(asked: Asked) -> Float[np.ndarray, "sample feature"]:
    """Which cells the goal and the current one are, a feature for each two of them."""
    goal, here = (_alone(source, asked) for source in PAIR)
    return (goal[:, :, None] * here[:, None]).reshape(len(asked), -1)


def _way(asked: Asked) -> Float[np.ndarray, "sample feature"]:
    """The last cells that the path came by, a feature for each cell and each of them."""
    step = asked.step[:, None] - np.arange(1, BACK + 1)
    cells = np.where(step >= 0, asked.paths.cells[asked.maze[:, None], np.maximum(step, 0)], NO_CELL)
    one_hot = cells[:, :, None] == np.arange(asked.mazes.rows * asked.mazes.cols)
    return one_hot.reshape(len(asked), -1).astype(np.float32)


def _next_step(asked: Asked) -> Float[np.ndarray, "sample feature"]:
    """The right next step and where it is taken, a feature for each pair of cell and direction."""
    step = np.nan_to_num(targets.labels(asked, ["next_step"]).outputs)
    here = _alone("current", asked)
    return (here[:, :, None] * step[:, None]).reshape(len(asked), -1).astype(np.float32)
