"""What patching a column does to the choice in pairs of other mazes: the effect that optimisation is to predict.

Pairs differ in one passage or in the goal and are asked, as a population is, at the start of the path. An effect is how
far putting one run's part into the other moves the difference of the two steps' logits, whichever way, as a share of
how far the whole change moves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, patching, seeds
from maze_interp.experiments.locate_readings import Column
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.optimisation.populations import EDGES_HERE, OTHER_EDGES
from maze_interp.patching import MEANINGS, PromptPairs

Progress = Callable[[int, int], None]
MOVES = {"moved passage": mazes.move_passage, "moved goal": mazes.move_goal}
LISTED = MEANINGS.index("<ADJLIST_START>")  # meanings before it are of edges
HERE = [MEANINGS.index(name) for name in ("edge at the fork", "; of an edge at the fork")]
DIFFERENCE = "logit_difference"


@dataclass(frozen=True)
class Effects:
    """How far each column moves each pair, how far the whole change moves it, both nats, and of which maze it is."""

    moved: Float[np.ndarray, "column pair"]
    line: Float[np.ndarray, " pair"]
    maze: Int[np.ndarray, " pair"]

    @property
    def shares(self) -> Float[np.ndarray, " column"]:
        """The effect of each column."""
        return self.moved.sum(axis=1) / self.line.sum()

    def resampled(self, *, seed: int, draws: int) -> Float[np.ndarray, "draw column"]:
        """The same, of mazes drawn with replacement."""
        _, unit = np.unique(self.maze, return_inverse=True)
        count = int(unit.max()) + 1
        rng = seeds.generator(seed, "resampled pairs")
        times = rng.multinomial(count, np.full(count, 1 / count), size=draws)[:, unit]
        return times @ self.moved.T / np.maximum(times @ self.line, 1e-12)[:, None]


def effects(
    model: HookedTransformer,
    others: MazeBatch,
    columns: Sequence[Column],
    *,
    count: int,
    seed: int,
    progress: Progress | None = None,
) -> Effects | None:
    """Effects on up to `count` pairs of each family; None where no pair can be made of these mazes."""
    forks = mazes.decisions(others, mazes.solve(others, seed=seed))
    forks = forks[forks.step == 0]
    found = []
    for done, (family, move) in enumerate(MOVES.items(), start=1):
        every = move(others, forks, seed=seed, kind="flip")
        chosen = np.sort(seeds.generator(seed, family).permutation(len(every))[:count])
        if len(chosen):
            found.append(
                _moved(model, patching.prompts(family, every[chosen], model.maze_tokenizer, seed=seed), columns)
            )
        if progress is not None:
            progress(done, len(MOVES))
    if not found:
        return None
    return Effects(
        np.concatenate([one.moved for one in found], axis=1),
        np.concatenate([one.line for one in found]),
        np.concatenate([one.maze for one in found]),
    )


def _moved(model: HookedTransformer, pairs: PromptPairs, columns: Sequence[Column]) -> Effects:
    names = list(dict.fromkeys(column.place for column in columns))
    length = int(pairs.decision.max()) + 1
    places = np.stack([_place(pairs, name, length) for name in names])
    moved, line = np.zeros((len(columns), len(pairs))), np.zeros(len(pairs))
    for kind in {column.kind for column in columns}:
        layers = [model.cfg.n_layers - 1] if kind == "resid_post" else None
        swept = patching.sweep(model, pairs, kind, places, layers=layers, effects=(DIFFERENCE,))
        begin, end = swept.begin[DIFFERENCE], swept.end[DIFFERENCE]
        line = np.abs(end - begin).astype(float)
        for index, column in enumerate(columns):
            if column.kind == kind:
                values = swept.values[DIFFERENCE][swept.sites.index(column.site), names.index(column.place)]
                moved[index] = np.abs(values - begin)
    return Effects(moved, line, pairs.maze)


def _place(pairs: PromptPairs, name: str, length: int) -> Bool[np.ndarray, "pair position"]:
    """The positions of each pair that a place of a population means."""
    meaning = pairs.meaning[:, :length]
    listed = (meaning >= 0) & (meaning < LISTED)
    if name == "edge list":
        return listed
    if name in (EDGES_HERE, OTHER_EDGES):
        return listed & (np.isin(meaning, HERE) == (name == EDGES_HERE))
    return meaning == MEANINGS.index(name)
