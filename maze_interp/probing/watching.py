"""A wavefront watched at several places and after every layer: what a model knows how far away, beside its controls.

At each place, probes of all facts are fitted together to the residual stream after each layer of the model and of the
untrained network, to the labels of other mazes, and to bags: of the tokens read; of the current, the goal and the start
cell, alone (the fewer the features, the less is lost on noise) and together; of these with the cells that the path came
by last; and of all that. They know where cells lie, how many ways lead out of each and what a glance at the tokens
before tells, and search nothing. One more stands aside: the last of them with the right next step told. What a model
gains on the others but not on that one is what anyone knows who knows the next step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from maze_interp.mazes import NO_CELL, MazeBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing import targets
from maze_interp.probing.bench import TEST, Bench, Part, bench, fit
from maze_interp.probing.features import BAGS, Progress, read, sites_of
from maze_interp.probing.positions import Asked
from maze_interp.probing.wavefront import (
    FACTS,
    SOURCES,
    START,
    gained,
    only,
    places,
    questions,
    radius,
    ranks,
    resampled,
)
from maze_interp.tokens import Tokenizer

TARGETS = ("passage", "in_right_branch", *(f"to_{source}" for source in SOURCES))
MODEL, UNTRAINED, SHUFFLED, GLANCE, ANSWER = "model", "untrained", "shuffled", "tokens, cells and way", "next step"
INPUT = (UNTRAINED, SHUFFLED, "tokens", *(f"{source} cell" for source in SOURCES), "cells", "cells and way", GLANCE)
BACK = 3  # cells of the way behind
PENALTIES = (1e-4, 1e-2, 1e-1, 1.0)
Layers = list[list[Part]]  # of each layer, the features of three splits
Scores = Float[np.ndarray, "layer draw distance"]


@dataclass(frozen=True)
class Watched:
    """One fact from one source at one place: how it scores at 1, 2, 3 ... steps, by features.

    Draw 0 is the score on so many test mazes, the others on resampled ones; the layer axis of a bag has length 1.
    """

    place: str
    fact: str
    source: str
    scores: dict[str, Scores]
    mazes: int

    @property
    def layers(self) -> int:
        return len(self.scores[MODEL])

    def control(self, name: str, layer: int) -> Float[np.ndarray, "draw distance"]:
        """The scores of a control beside a layer."""
        return self.scores[name][layer if len(self.scores[name]) > 1 else 0]

    def gain(self, layer: int, controls: Sequence[str] = INPUT) -> Float[np.ndarray, "draw distance"]:
        """The share of what the strongest of the controls leaves to know that is told after a layer."""
        return gained(self.scores[MODEL][layer], [self.control(name, layer) for name in controls])

    def radii(self, threshold: float, controls: Sequence[str] = INPUT) -> Float[np.ndarray, "draw layer"]:
        """How far a gain of at least the threshold reaches after each layer."""
        return np.stack([radius(self.gain(layer, controls), threshold) for layer in range(self.layers)], axis=1)


def watch(
    model: HookedTransformer,
    untrained: HookedTransformer,
    batches: Sequence[MazeBatch],
    *,
    seed: int,
    progress: Progress | None = None,
) -> list[Watched]:
    """Every fact from every source at every place, on mazes to fit to, to choose penalties on and to score on.

    Facts that too few test mazes have are left out. `progress` counts mazes read, of both networks. Raises ValueError
    if the mazes are fewer than the parameters of a probe.
    """
    placed = [places(model.maze_tokenizer, batch, seed=seed) for batch in batches]
    asked, kinds = [one for one, _ in placed], [which for _, which in placed]
    truth = targets.labels(asked[0], TARGETS)
    for reason in (targets.refused(name, asked[0], truth, model.cfg.d_model + 1) for name in TARGETS):
        if reason:
            raise ValueError(reason)
    sites = sites_of(["resid_post"], model.cfg.n_layers, model.cfg.n_heads)
    every = sum(map(len, batches))
    layers = [
        _read(network, asked, sites, _from(progress, turn * every, 2 * every))
        for turn, network in enumerate((model, untrained))
    ]
    found: list[Watched] = []
    for place in kinds[0]:
        which = [one[place] for one in kinds]
        there = [only(one, mine) for one, mine in zip(asked, which, strict=True)]
        on = bench((there[0], there[1], there[2]), TARGETS, method="ridge", penalties=PENALTIES, seed=seed)
        own, other = ([_at(parts, which) for parts in network] for network in layers)
        found += _watched(place, on, _predicted(model, on, own, other), seed)
    return found


def _read(
    network: HookedTransformer, asked: Sequence[Asked], sites: list[Site], report: Callable[[int], Progress]
) -> Layers:
    """What a network holds after each layer."""
    parts, before = [], 0
    for one in asked:
        parts.append(read(network, one, sites, progress=report(before)))
        before += len(one.mazes)
    return [[part[site] for part in parts] for site in sites]


def _from(progress: Progress | None, begin: int, total: int) -> Callable[[int], Progress]:
    """Reports that count on from the mazes read before."""

    def report(before: int) -> Progress:
        return lambda done, _: None if progress is None else progress(begin + before + done, total)

    return report


def _at(parts: list[Part], which: Sequence[Bool[np.ndarray, " _"]]) -> list[Part]:
    return [part[mine] for part, mine in zip(parts, which, strict=True)]


def _predicted(model: HookedTransformer, on: Bench, own: Layers, other: Layers) -> dict[str, list[np.ndarray]]:
    """What probes say of the test samples, by features: for each layer, of bags once."""
    count = on.truth[TEST].outputs.shape[1]
    bags = {name: [bag(one) for one in on.asked] for name, bag in _bags(model.maze_tokenizer).items()}
    said = [fit(on, parts).predict(parts[TEST]) for parts in own]
    return {
        MODEL: [outputs[:, :count] for outputs in said],
        SHUFFLED: [outputs[:, count:] for outputs in said],
        UNTRAINED: [fit(on, parts).predict(parts[TEST])[:, :count] for parts in other],
        **{name: [fit(on, parts).predict(parts[TEST])[:, :count]] for name, parts in bags.items()},
    }


def _bags(tokenizer: Tokenizer) -> dict[str, Callable[[Asked], Part]]:
    """What may be known without a search, by name; ANSWER may not."""

    def tokens(asked: Asked) -> Part:
        return BAGS["tokens"](asked, tokenizer)

    def cells(asked: Asked) -> Part:
        return BAGS["cells"](asked, tokenizer)

    return {
        "tokens": tokens,
        **{f"{source} cell": partial(_alone, source) for source in SOURCES},
        "cells": cells,
        "cells and way": partial(_together, (cells, _way)),
        GLANCE: partial(_together, (tokens, cells, _way)),
        ANSWER: partial(_together, (tokens, cells, _way, _next_step)),
    }


def _together(bags: Sequence[Callable[[Asked], Part]], asked: Asked) -> Part:
    return np.concatenate([bag(asked) for bag in bags], axis=1)


def _alone(source: str, asked: Asked) -> Part:
    """Where the source is and nothing else, a feature for each cell."""
    one_hot = SOURCES[source](asked)[:, None] == np.arange(asked.mazes.rows * asked.mazes.cols)
    return one_hot.astype(np.float32)


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


def _watched(place: str, on: Bench, predicted: dict[str, list[np.ndarray]], seed: int) -> Iterator[Watched]:
    """The scores of all facts that are asked at a place; at the start the current cell is no other source."""
    for fact in FACTS:
        for source in SOURCES:
            same = (place, source) == (START, "current")
            if same or next(questions(on.asked[TEST], fact, source), None) is None:
                continue
            scores = {
                name: np.stack([resampled(ranks(on, one, fact, source), seed=seed) for one in outputs])
                for name, outputs in predicted.items()
            }
            yield Watched(place, fact, source, scores, len(on.asked[TEST].mazes))
