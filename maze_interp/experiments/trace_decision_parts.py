"""What tracing a choice asks besides patching by meaning: how far off, from which edge, and whether other ways agree.

Distance: the same shares for changes near the fork and far from it. Edges: what each edge of the prompt brings back,
before each layer, to be drawn where it lies. Estimates: how well gradients rank what patching measured. Ablation and
knock-out: what is lost without each head, and if the fork may not look at what means this or that, beside as many
other positions drawn at random. Rollouts: whether the whole path turns where the preference does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import patching, seeds, tables
from maze_interp.mazes import NO_CELL
from maze_interp.models import HookedTransformer
from maze_interp.patching import MEANINGS, PromptPairs, Sweep
from maze_interp.tables import Row
from maze_interp.tokens import EDGE
from maze_interp.tokens.vocabulary import SEMICOLON

DIFFERENCE, PREFERS = "logit_difference", "chooses_right"
HERE = MEANINGS.index("here")
WORDS = tuple(index for index, name in enumerate(MEANINGS) if name.startswith("<"))
LISTED = tuple(range(MEANINGS.index("<ADJLIST_START>")))  # the meanings of edges
ESTIMATED = ("resid_pre", "attn_out", "mlp_out", "z")
ESTIMATES = ("integrated gradients", "one gradient", "size of the difference")
AHEAD = "words beyond edges"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Edges:
    """What each edge of the prompt brings back: [layer, edge], edges numbered like flattened passages.

    `example` is a share of one pair's change. `average` is the mean over the pairs that have the edge, as a share of
    the mean change of all pairs. NaN where there is no such edge, and where the change is none or may be 0 on average.
    """

    layers: tuple[int, ...]
    pair: int
    example: Float[np.ndarray, "layer edge"]
    average: Float[np.ndarray, "layer edge"]


def part_of(progress: Progress | None, before: int, parts: int) -> Progress | None:
    """Progress of one of several parts, each of which counts as a thousand."""
    return progress and (lambda done, total: progress(1000 * before + 1000 * done // total, 1000 * parts))


def by_distance(sweep: Sweep, pairs: PromptPairs) -> list[Row]:
    """The share brought back at the fork's token before each layer, near and far changes apart, as equal parts as may.

    Intervals are widened for the number of layers and parts; there is no row where the runs may not differ.
    """
    cut = float(np.median(pairs.distance))
    parts = {f"up to {cut:.0f}": pairs.distance <= cut, f"above {cut:.0f}": pairs.distance > cut}
    line, rows = sweep.end[DIFFERENCE] - sweep.begin[DIFFERENCE], []
    widened = 1 - 0.05 / (2 * len(sweep.sites))
    for name, inside in parts.items():
        change = (sweep.values[DIFFERENCE][:, HERE] - sweep.begin[DIFFERENCE]).T[inside]
        found = patching.shares(change, line[inside], pairs.maze[inside], level=widened)
        count = len(np.unique(pairs.maze[inside]))
        for site, (value, low, high) in zip(sweep.sites, found.tolist(), strict=True):
            if not np.isnan(value):
                what = {"layer": site.layer, "steps from the fork": name, "pairs": int(inside.sum())}
                rows.append(Row("brought back at the fork's token", value, low, high, count, what))
    return rows


def edges(model: HookedTransformer, pairs: PromptPairs, direction: str, progress: Progress | None = None) -> Edges:
    """Patch all tokens of each edge of the prompt together, before every layer but the first."""
    number, place = _numbered(pairs)
    layers = range(1, model.cfg.n_layers)
    found = patching.sweep(model, pairs, "resid_pre", place, layers=layers, direction=direction, progress=progress)
    line = found.end[DIFFERENCE] - found.begin[DIFFERENCE]
    change = found.values[DIFFERENCE] - found.begin[DIFFERENCE]
    size = 2 * pairs.mazes.rows * pairs.mazes.cols
    pair = int(np.argsort(abs(line))[len(line) * 3 // 4])
    whole = line.mean() if not np.isnan(patching.shares(line[:, None], line, pairs.maze)).any() else np.nan
    own = line[pair] if patching.apart(found.begin[DIFFERENCE], found.end[DIFFERENCE])[pair] else np.nan
    example, average = np.full((2, len(layers), size), np.nan)
    sums, times = np.zeros((size, len(layers))), np.zeros(size)
    for slot, edge in enumerate(number):
        has = np.flatnonzero(edge >= 0)
        np.add.at(sums, edge[has], change[:, slot, has].T)
        np.add.at(times, edge[has], 1)
        if edge[pair] >= 0:
            example[:, edge[pair]] = change[:, slot, pair] / own
    average[:, times > 0] = sums[times > 0].T / times[times > 0] / whole
    return Edges(tuple(layers), pair, example, average)


def _numbered(pairs: PromptPairs) -> tuple[np.ndarray, Bool[np.ndarray, "slot pair position"]]:
    """The edge in each slot of the clean prompts, [slot, pair] (-1: none), and the positions of its tokens."""
    length, tokens = int(pairs.decision.max()) + 1, pairs.clean
    inside = (tokens.part == EDGE)[:, :length]
    ends = inside & (tokens.ids[:, :length] == SEMICOLON)
    slot = np.where(inside, np.cumsum(ends, axis=1) - ends, -1)
    names = inside & (tokens.cell[:, :length] != NO_CELL)
    count = int(ends.sum(axis=1).max())
    number = np.full((count, len(pairs)), -1)
    place = np.zeros((count, len(pairs), length), bool)
    for index in range(count):
        here = (slot == index) & (names | ends | (np.roll(names, 1, axis=1) & inside))  # a, <-->, b and ;
        has = names & here
        cell = np.where(has, tokens.cell[:, :length], 0)
        high, both = cell.max(axis=1), has.sum(axis=1) == 2
        low = cell.sum(axis=1) - high
        right = high - low == 1
        number[index] = np.where(both, right * pairs.mazes.rows * pairs.mazes.cols + low, -1)
        place[index] = here & both[:, None]
    return number, place


def estimates(
    model: HookedTransformer,
    sweeps: dict[str, Sweep],
    pairs: PromptPairs,
    direction: str,
    *,
    steps: int,
    progress: Progress | None = None,
) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Rank correlations with true effects over sites and meanings, and for heads the means that are compared.

    What agrees by construction is left out: sites and meanings at which no pair has anything to patch, and what the
    last layer writes anywhere but at the fork's token, which nothing reads.
    """
    places, rows, drawn = patching.by_meaning(pairs), [], {}
    found = patching.attribution(model, pairs, ESTIMATED, steps=steps, direction=direction, progress=progress)
    plain = patching.attribution(model, pairs, ESTIMATED, direction=direction)
    for kind in ESTIMATED:
        true = (sweeps[kind].values[DIFFERENCE] - sweeps[kind].begin[DIFFERENCE]).reshape(-1, len(pairs))
        told = [
            patching.at_places(one, places).reshape(-1, len(pairs))
            for one in (found[kind].values, plain[kind].values, found[kind].moved)
        ]
        asked = (told[2] > 0).any(axis=1) & _read(sweeps[kind])
        for name, estimate in zip(ESTIMATES, told, strict=True):
            compared = abs(true[asked]) if name == ESTIMATES[2] else true[asked]  # a size has no sign
            value, low, high = patching.agreement(estimate[asked].T, compared.T, pairs.maze)
            what = {"site": kind, "estimate": name, "sites and meanings": int(asked.sum())}
            rows.append(Row("rank correlation", value, low, high, len(np.unique(pairs.maze)), what))
        if kind == "z":
            drawn = {"true": true[asked].mean(axis=1), "estimate": told[0][asked].mean(axis=1)}
    return rows, drawn


def _read(sweep: Sweep) -> Bool[np.ndarray, " column"]:
    """The sites and meanings that anything behind them reads on the way to the logits at the fork's token."""
    last = max(site.layer for site in sweep.sites)
    kept = [[site.kind == "resid_pre" or site.layer < last] * len(MEANINGS) for site in sweep.sites]
    read = np.array(kept)
    read[:, HERE] = True
    return read.ravel()


def ablations(
    model: HookedTransformer, pairs: PromptPairs, *, seed: int, progress: Progress | None = None
) -> list[Row]:
    """What is lost without each head, and without each layer's attention and MLP, at all positions, by three ways."""
    everywhere = np.stack([np.any(patching.everywhere(pairs), axis=0)])
    rows, each = [], [(how, kind) for how in patching.ABLATIONS for kind in ("z", "attn_out", "mlp_out")]
    for done, (how, kind) in enumerate(each):
        tell = part_of(progress, done, len(each))
        found = patching.ablate(model, pairs, kind, how, everywhere, seed=seed, progress=tell)
        rows += _lost("lost", found, _changes(found)[:, :, 0], pairs, [{"how": how}])
    return rows


def cuts(model: HookedTransformer, pairs: PromptPairs, *, seed: int, progress: Progress | None = None) -> list[Row]:
    """What is lost if the fork's token may not look at one kind of position, in all heads of a layer.

    `words beyond edges` is the difference of two such losses, pair by pair. Beside each cut but that of the edges,
    which are most of the prompt, is one to as many other positions drawn at random, and the difference of the two.
    """
    places = patching.by_meaning(pairs)
    kinds = {"words between the sections": WORDS, "edges": LISTED}
    kinds |= {name: (MEANINGS.index(name),) for name in ("changed edge", "goal", "here")}
    seen = {name: np.logical_or.reduce(places[list(which)]) for name, which in kinds.items()}
    few = [name for name in seen if name != "edges"]
    before = np.logical_or.reduce(places)
    random = [_others(seen[name], before, seeds.derive(seed, "cuts", name)) for name in few]
    targets = np.array([*seen.values(), *random])
    looking = np.repeat(places[[HERE]], len(targets), axis=0)
    found = patching.knockout(model, pairs, looking, targets, heads=[None], progress=progress)
    lost, chance = np.split(_changes(found), [len(seen)], axis=2)
    own = lost[:, :, [list(seen).index(name) for name in few]]
    measured = {
        "lost": (lost, list(seen)),
        "at random": (chance, few),
        "beyond random": (own - chance, few),
        AHEAD: (lost[:, :, :1] - lost[:, :, 1:2], ["words between the sections"]),
    }
    each = [(name, one, [{"seen": kind} for kind in some]) for name, (one, some) in measured.items()]
    return [row for name, change, asked in each for row in _lost(name, found, change, pairs, asked)]


def _others(place: np.ndarray, before: np.ndarray, seed: int) -> Bool[np.ndarray, "pair position"]:
    """As many positions of each prompt as a place has, drawn at random outside it; all there are where they are few."""
    outside = before & ~place
    dice = np.where(outside, seeds.generator(seed, "others").random(place.shape), 2.0)
    among: Bool[np.ndarray, "pair position"] = dice.argsort(axis=1).argsort(axis=1) < place.sum(axis=1, keepdims=True)
    return among & outside


def _changes(found: Sweep) -> Float[np.ndarray, "pair site place"]:
    return np.moveaxis(found.values[DIFFERENCE] - found.begin[DIFFERENCE], -1, 0)


def _lost(
    measure: str, found: Sweep, change: np.ndarray, pairs: PromptPairs, places: Sequence[dict[str, str]]
) -> list[Row]:
    """The share of the way from the clean to the corrupted run that a loss comes to, by site and place."""
    line = found.end[DIFFERENCE] - found.begin[DIFFERENCE]
    change = change.reshape(len(pairs), -1)
    shares = patching.shares(change, line, pairs.maze, level=1 - 0.05 / max(change.shape[1], 1))
    rows, count = [], len(np.unique(pairs.maze))
    for column, (value, low, high) in enumerate(shares.tolist()):
        site, place = found.sites[column // len(places)], places[column % len(places)]
        what = {**place, "site": site.kind, "layer": site.layer}
        what |= {} if site.head is None else {"head": site.head}
        if not np.isnan(value):
            rows.append(Row(measure, value, low, high, count, what))
    return rows


def turned(
    model: HookedTransformer, pairs: PromptPairs, direction: str, *, seed: int, progress: Progress | None = None
) -> list[Row]:
    """Whether the preference, and whether the whole path, turns with patches before each layer at three places."""
    places = patching.by_meaning(pairs)
    names = {"here": places[HERE], "words between the sections": places[list(WORDS)].any(axis=0)}
    names |= {"changed edge": places[:2].any(axis=0)}
    where = np.array(list(names.values()))
    paths = patching.flips(patching.rollouts(model, pairs, "resid_pre", where, direction=direction, progress=progress))
    swept = patching.sweep(model, pairs, "resid_pre", where, direction=direction, effects=[PREFERS])
    own, other = swept.begin[PREFERS], swept.end[PREFERS]
    preference = np.where(own != other, swept.values[PREFERS] == other, np.nan)
    rows = []
    for layer, place in np.ndindex(paths.shape[:2]):
        for name, one in (("path turns", paths), ("preference turns", preference)):
            value = one[layer, place]
            asked = ~np.isnan(value) & ~np.isnan(paths[layer, place])
            mazes = [value[asked & (pairs.maze == maze)].mean() for maze in np.unique(pairs.maze[asked])]
            what = {"layer": layer, "patched": list(names)[place], "pairs": int(asked.sum())}
            rows.append(tables.mean(name, np.array(mazes), seed=seed, **what))
    return rows
