"""Split histories of an activation whose future is the whole walk: how does it end, with what it was on another maze?

The first step is not the last word. The walk is written to its end with the exchanged activation held
(`models.continuing`), and what follows is how it ended: on a shortest way, at the goal by another, legally somewhere
else, or through a wall. A greedy walk is sure of itself, so out[i, j] is 1 at one of these.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from maze_interp import mazes
from maze_interp.mazes import END
from maze_interp.models import Site, continuing, fused
from maze_interp.models.reruns import Record
from maze_interp.optimisation.activations import swapped
from maze_interp.optimisation.populations import Population
from maze_interp.tokens.vocabulary import PATH_START

ENDINGS = ("shortest", "arrives", "lost", "illegal")
AT_ONCE = 2**28  # bytes of keys and values, of which every walk has its own


def endings(
    w: fused.Weights, kept: Record, population: Population, site: Site, positions: Sequence[int]
) -> Float[np.ndarray, "donor maze ending"]:
    """out[i, j]: which of ENDINGS the greedy walk on maze j comes to with the site from maze i at these positions.

    The diagonal is the network as it is. Raises ValueError as `activations.exchanged` does.
    """
    steps = population.tokenizer.longest_path(population.mazes.rows, population.mazes.cols)
    if w.positions is not None:
        steps = min(steps, len(w.positions) - population.tokens.ids.shape[1] + 1)
    each, found = 2 * len(w.layers) * kept.stream[0].numel() * kept.stream[0].element_size(), []
    with torch.inference_mode():
        for depth, x in swapped(w, kept, site, positions, AT_ONCE // each):
            prompt, logits = continuing.changed_prompt(w, kept, depth, min(positions), x)
            written = continuing.write_on(w, prompt, logits, steps)
            found += [_ended(population, walks) for walks in written.reshape(len(x), len(population), steps)]
    return np.eye(len(ENDINGS))[np.stack(found)]


def _ended(population: Population, written: Int[np.ndarray, "maze step"]) -> Int[np.ndarray, " maze"]:
    """Which of ENDINGS each walk came to."""
    prompt = population.tokens.ids
    begun = prompt[:, int((prompt[0] == PATH_START).argmax()) + 1 :]
    asked = population.mazes
    walks = population.tokenizer.paths(np.concatenate([begun, written], axis=1), asked)
    arrived = mazes.paths.ends_at_goal(asked, walks) & (walks.ended == END)
    each = [mazes.paths.optimal(asked, walks), ~mazes.paths.valid(asked, walks), arrived]
    return np.select(each, [0, 3, 1], 2)
