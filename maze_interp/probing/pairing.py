"""Bilinear probes of several targets at several sites, and the same fitted to other mazes' answers and to a task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp import seeds
from maze_interp.models import HookedTransformer, Site
from maze_interp.probing import bilinear
from maze_interp.probing.bench import TEST, TRAIN, VALIDATION, Bench
from maze_interp.probing.bilinear import Bilinear, Read
from maze_interp.probing.features import Progress


@dataclass(frozen=True)
class Paired:
    """What bilinear probes of one site were fitted and say: each target's probe, and the outputs for the splits.

    `shuffled` and `task` are the outputs on test mazes of probes fitted to other mazes' answers and to those of the
    control task, where these were asked for.
    """

    site: Site
    fits: dict[str, Bilinear]
    validation: Float[np.ndarray, "validation output"]
    test: Float[np.ndarray, "test output"]
    shuffled: Float[np.ndarray, "test output"] | None
    task: Float[np.ndarray, "test output"] | None


def pair(
    model: HookedTransformer,
    on: Bench,
    sites: Sequence[Site],
    *,
    rank: int,
    seed: int,
    task: Bench | None,
    progress: Progress | None = None,
) -> Iterator[Paired]:
    """The bilinear probes of a bench's targets at each site; with a control task, also of other mazes' and its answers.

    `progress` counts mazes read and, as often as there are probes, mazes fitted to.
    """
    wanted = [(on.truth[TRAIN].outputs, on.truth[VALIDATION].outputs)]
    if task is not None:
        wanted += [on.mixed, (task.truth[TRAIN].outputs, task.truth[VALIDATION].outputs)]
    learned, fits = len(on.asked[TRAIN].mazes), len(sites) * len(on.spread) * len(wanted)
    total = sum(len(one.mazes) for one in on.asked) + learned * fits
    done = 0

    def report(more: int, _: int) -> None:
        if progress is not None:
            progress(done + more, total)

    splits = []
    for one in on.asked:
        splits.append(bilinear.read_both(model, one, sites, report))
        done += len(one.mazes)
    for site in sites:
        given = [split[site] for split in splits]
        made: list[dict[str, Bilinear]] = []
        for outputs in wanted:
            made.append({})
            for name, columns in on.truth[TRAIN].columns.items():
                own = seeds.derive(seed, "pair", len(made), site.kind, site.layer)
                made[-1][name] = _fit(given, [part[:, columns] for part in outputs], rank, own)
                done += learned
                report(0, total)
        said = [_say(probes, given[TEST]) for probes in made]
        shuffled, of_task = (said[1], said[2]) if task is not None else (None, None)
        yield Paired(site, made[0], _say(made[0], given[VALIDATION]), said[0], shuffled, of_task)


def _say(probes: dict[str, Bilinear], given: Read) -> Float[np.ndarray, "sample output"]:
    return np.concatenate([probe.predict(given) for probe in probes.values()], axis=1)


def _fit(given: Sequence[Read], outputs: Sequence[Float[np.ndarray, "_ cell"]], rank: int, seed: int) -> Bilinear:
    train, validation = ((given[which], bilinear.answers(outputs[which])) for which in (TRAIN, VALIDATION))
    return bilinear.fit(train, validation, seed=seed, rank=rank)
