"""A wavefront watched at several places and after every layer: what a model knows how far away, beside its controls.

At each place, probes of all facts are fitted together to the residual stream after each layer of the model and of the
untrained network, to the labels of other mazes, and to what may be known at a glance (`glances`), which searches
nothing. A bag that states a fact outright is no control of it, and the right next step, told, stands aside.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import tables
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing import targets
from maze_interp.probing.bench import TEST, VALIDATION, Bench, Part, bench, fit
from maze_interp.probing.features import Progress, read, sites_of
from maze_interp.probing.glances import EDGES, GLANCES, NAMING, glances
from maze_interp.probing.positions import Asked
from maze_interp.probing.wavefront import (
    FACTS,
    SOURCES,
    START,
    areas,
    gained,
    only,
    places,
    questions,
    radius,
    ranks,
    resampled,
    target_of,
)

TARGETS = ("passage", "in_right_branch", *(f"to_{source}" for source in SOURCES))
MODEL, UNTRAINED, SHUFFLED = "model", "untrained", "shuffled"
INPUT = (UNTRAINED, SHUFFLED, *GLANCES)
DRAWS = 1000
PENALTIES = (1e-4, 1e-2, 1e-1, 1.0, 10.0, 100.0)
ERRING = 0.05  # how often any interval of any question may err
Layers = list[list[Part]]  # of each layer, the features of three splits
Scores = Float[np.ndarray, "layer draw distance"]
Unseen = Float[np.ndarray, "one 1 asked"]


@dataclass(frozen=True)
class Said:
    """What a probe says of the mazes to choose on and to score on, and which targets took an end of the penalties."""

    unseen: Float[np.ndarray, "unseen output"]
    test: Float[np.ndarray, "sample output"]
    ends: dict[str, bool]


@dataclass(frozen=True)
class Watched:
    """One fact from one source at one place: how it scores at 1, 2, 3 ... steps, by features.

    Draw 0 is the score on so many test mazes, the others on resampled ones; the layer axis of a bag has length 1.
    `unseen` are the scores on the mazes to choose on, not resampled. Of `fits`, `ends` took an end of the penalties.
    """

    place: str
    fact: str
    source: str
    scores: dict[str, Scores]
    mazes: int
    unseen: dict[str, Unseen]
    ends: int = 0
    fits: int = 0

    @property
    def layers(self) -> int:
        return len(self.scores[MODEL])

    @property
    def controls(self) -> tuple[str, ...]:
        """What the model is compared with: all but bags that state the fact outright."""
        told = EDGES in targets.TARGETS[target_of(self.fact, self.source)].told_by
        return tuple(name for name in INPUT if not (told and name in NAMING))

    def control(self, name: str, layer: int) -> Float[np.ndarray, "draw distance"]:
        """The scores of a control beside a layer."""
        return _beside(self.scores, name, layer)

    def gain(self, layer: int, told: Sequence[str] = ()) -> Float[np.ndarray, "draw distance"]:
        """The share of what the strongest control, with what is `told` besides, leaves to know that a layer tells."""
        return self._gain(self.scores, layer, told)

    def radii(self, threshold: float, told: Sequence[str] = ()) -> Float[np.ndarray, "draw layer"]:
        """How far a gain of at least the threshold reaches after each layer."""
        return np.stack([radius(self.gain(layer, told), threshold) for layer in range(self.layers)], axis=1)

    def top(self, threshold: float) -> int:
        """The layer after which the radius is largest on the mazes to choose on, which no interval is of."""
        return int(np.argmax([radius(self._gain(self.unseen, at, ()), threshold)[0] for at in range(self.layers)]))

    def _gain(self, scores: dict[str, Scores], layer: int, told: Sequence[str]) -> Float[np.ndarray, "draw distance"]:
        beside = [_beside(scores, name, layer) for name in (*self.controls, *told)]
        return gained(scores[MODEL][layer], beside)


def _beside(scores: dict[str, Scores], name: str, layer: int) -> Float[np.ndarray, "draw distance"]:
    return scores[name][layer if len(scores[name]) > 1 else 0]


def level(questions: int) -> float:
    """Of the interval of each of so many questions."""
    return 1 - ERRING / questions


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
    there = {
        place: [only(*pair) for pair in zip(asked, (one[place] for one in kinds), strict=True)] for place in kinds[0]
    }
    every_question = {place: list(_questions(place, parts[TEST])) for place, parts in there.items()}
    draws = tables.draws_for(level(max(1, sum(map(len, every_question.values())))), DRAWS)
    found: list[Watched] = []
    for place, parts in there.items():
        on = bench((parts[0], parts[1], parts[2]), TARGETS, method="ridge", penalties=PENALTIES, seed=seed)
        own, other = ([_at(each, [one[place] for one in kinds]) for each in network] for network in layers)
        said = _said(model, on, own, other)
        found += [_watched((place, *question), on, said, seed, draws) for question in every_question[place]]
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


def _said(model: HookedTransformer, on: Bench, own: Layers, other: Layers) -> dict[str, list[Said]]:
    """What probes say, by features: for each layer, of bags once."""
    bags = {name: [bag(one) for one in on.asked] for name, bag in glances(model.maze_tokenizer).items()}
    both = [_probed(on, parts) for parts in own]
    return {
        MODEL: [mine for mine, _ in both],
        SHUFFLED: [mixed for _, mixed in both],
        UNTRAINED: [_probed(on, parts)[0] for parts in other],
        **{name: [_probed(on, parts)[0]] for name, parts in bags.items()},
    }


def _probed(on: Bench, parts: list[Part]) -> tuple[Said, Said]:
    """What a probe says, and what the one fitted to the labels of other mazes does."""
    fitted, columns = fit(on, parts), on.truth[TEST].columns
    count = on.truth[TEST].outputs.shape[1]
    unseen, test = (fitted.predict(parts[which]) for which in (VALIDATION, TEST))
    ends = {name: bool(fitted.penalty[of.start] in (PENALTIES[0], PENALTIES[-1])) for name, of in columns.items()}
    return Said(unseen[:, :count], test[:, :count], ends), Said(unseen[:, count:], test[:, count:], {})


def _questions(place: str, asked: Asked) -> Iterator[tuple[str, str]]:
    """The facts and sources that are asked about at a place; at the start the current cell is no other source."""
    for fact in FACTS:
        for source in SOURCES:
            same = (place, source) == (START, "current")
            if not same and next(questions(asked, fact, source), None) is not None:
                yield fact, source


def _watched(about: tuple[str, str, str], on: Bench, said: dict[str, list[Said]], seed: int, draws: int) -> Watched:
    """The scores of one fact from one source at one place."""
    place, fact, source = about
    scores, unseen = {}, {}
    for name, each in said.items():
        counts = [ranks(on, one.test, fact, source) for one in each]
        scores[name] = np.stack([resampled(one, seed=seed, draws=draws) for one in counts])
        known = [ranks(on, one.unseen, fact, source, VALIDATION) for one in each]
        unseen[name] = np.stack([areas(one.sum(axis=0))[None] for one in known])
    took = [one.ends[target_of(fact, source)] for each in said.values() for one in each if one.ends]
    return Watched(place, fact, source, scores, len(on.asked[TEST].mazes), unseen, sum(took), len(took))
