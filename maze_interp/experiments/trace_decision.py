"""Where does the choice at a fork come from: which positions and heads carry it, layer by layer?

One passage is moved, some way from the fork, so that another step becomes right. Then, position by position and head
by head, what the network computed of the one maze is put into its run on the other: where that brings the choice back,
the choice was carried. Beside it stands the null, the same patch between a maze and one that was changed as far away
and asks for the same step. Predictions, made before anything was measured: before the first layer all of it is at the
changed edge's own tokens; where heads of the first layer join an edge's cells at its `;`, it passes through there;
after the last layer all of it is at the token of the fork.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maze_interp import figures, mazes, patching, seeds, training
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure
from maze_interp.models import HookedTransformer
from maze_interp.patching import MEANINGS, PromptPairs, Sweep
from maze_interp.tables import Row

EFFECT = "logit_difference"
STREAM, HEADS, PARTS = "resid_pre", "z", ("attn_out", "mlp_out")
RIGHT_BOTH = "chooses_right"
HALF = 0.5
HERE, JOINED = "here", "; of the changed edge"
LISTED = 6


@dataclass(frozen=True)
class Settings:
    """The run; how many test mazes forks are looked for in, how many pairs are patched, and what changes in them.

    `change` is "passage" or "goal"; `nearest` the least distance of the change from the fork, in steps.
    """

    run: str = ""
    mazes: int = 400
    pairs: int = 200
    change: str = "passage"
    nearest: int = 2
    direction: str = "denoise"
    seed: int = 0


@dataclass(frozen=True)
class Side:
    """Pairs with their sweeps: of the stream before each layer and after the last, of heads, and of whole parts."""

    pairs: PromptPairs
    sweeps: dict[str, Sweep]


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """What is recovered by patching each meaning of position at each layer, and each head. Counts patched sites."""
    if settings.change not in ("passage", "goal"):
        raise ValueError(f"what changes is the passage or the goal, not {settings.change!r}")
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "trace_decision")
    asked = held_out_mazes(trained, settings.mazes, seed=seed)
    forks = mazes.decisions(asked, mazes.solve(asked, seed=seed))
    move = mazes.move_passage if settings.change == "passage" else mazes.move_goal
    every = move(asked, forks, seed=seed, nearest=settings.nearest)
    chosen = seeds.generator(seed, "pairs").permutation(len(every))[: settings.pairs]
    edits = every[np.sort(chosen)]
    pairs = patching.prompts(f"moved {settings.change}", edits, model.maze_tokenizer, seed=seed)
    beside, _ = patching.controls(edits, model.maze_tokenizer, seed=seed)
    sides = [_swept(model, one, settings.direction, progress, turn) for turn, one in enumerate((pairs, beside))]
    return _findings(settings, *sides, seed=seed)


def _swept(model: HookedTransformer, pairs: PromptPairs, direction: str, progress: Progress | None, turn: int) -> Side:
    places, last = patching.by_meaning(pairs), [model.cfg.n_layers - 1]
    asked = [(STREAM, None), ("resid_post", last), *((kind, None) for kind in (*PARTS, HEADS))]
    sweeps = {}
    for done, (kind, layers) in enumerate(asked):
        told = None if progress is None else _share(progress, turn * len(asked) + done, 2 * len(asked))
        sweeps[kind] = patching.sweep(
            model, pairs, kind, places, layers=layers, effects=(EFFECT, RIGHT_BOTH), direction=direction, progress=told
        )
    return Side(pairs, sweeps)


def _share(progress: Progress, before: int, parts: int) -> Progress:
    """Progress of one of several parts, each of which counts as a thousand."""
    return lambda done, total: progress(1000 * before + 1000 * done // total, 1000 * parts)


def _findings(settings: Settings, edit: Side, null: Side, *, seed: int) -> Findings:
    rows = {kind: _rows(kind, edit, seed) for kind in edit.sweeps}
    nulls = {kind: _rows(kind, null, seed, line=_line(edit)) for kind in edit.sweeps}
    stream = _by_layer(rows)
    begin, end = (getattr(edit.sweeps[STREAM], which)[RIGHT_BOTH] for which in ("begin", "end"))
    clean, corrupted = (end, begin) if settings.direction == "denoise" else (begin, end)
    return Findings(
        heading="Where the choice at a fork comes from",
        sentences=[
            _known(edit, clean, corrupted, settings),
            *_journey(stream, _by_layer(nulls), settings),
            *_heads(rows[HEADS], nulls[HEADS]),
        ],
        tables={
            "recovered": [row for kind in rows for row in rows[kind]],
            "null": [row for kind in nulls for row in nulls[kind]],
        },
        figures=_maps(rows, nulls),
        numbers={
            "pairs": float(len(edit.pairs)),
            "controls": float(len(null.pairs)),
            "clean_right": float(clean.mean()),
            "corrupted_turned": float(1 - corrupted.mean()),
            **{f"{_place(row)}": row.value for row in stream},
        },
    )


def _line(side: Side) -> float:
    """The mean change of the logit difference from the run patched to the other, nats."""
    sweep = side.sweeps[STREAM]
    return float((sweep.end[EFFECT] - sweep.begin[EFFECT]).mean())


def _rows(kind: str, side: Side, seed: int, line: float | None = None) -> list[Row]:
    """What each patch recovers; with `line` how much it moves in units of that, in either direction."""
    sweep, rows = side.sweeps[kind], []
    begin, end = sweep.begin[EFFECT], sweep.end[EFFECT]
    if line is not None:
        end = begin + abs(line)
    for index, site in enumerate(sweep.sites):
        for place, meaning in enumerate(MEANINGS):
            patched = sweep.values[EFFECT][index, place]
            if line is not None:
                patched = begin + np.abs(patched - begin)
            what = {"site": kind, "layer": site.layer, "meaning": meaning}
            what |= {} if site.head is None else {"head": site.head}
            found = patching.recovered_row("recovered", patched, begin, end, side.pairs.maze, seed=seed, **what)
            if found.n:
                rows.append(found)
    return rows


def _by_layer(rows: dict[str, list[Row]]) -> list[Row]:
    """The rows of the stream before each layer, then those of the stream after the last."""
    return [*rows[STREAM], *rows["resid_post"]]


def _place(row: Row) -> str:
    return f"{row.what['site']} {row.what['layer']}: {row.what['meaning']}"


def _known(edit: Side, clean: np.ndarray, corrupted: np.ndarray, settings: Settings) -> str:
    both = (clean > 0) & (corrupted == 0)
    return (
        f"In {len(edit.pairs)} pairs of {len(np.unique(edit.pairs.maze))} test mazes a {settings.change} was moved "
        f"{settings.nearest} steps or more from the fork, so that another step is right. The model prefers the right "
        f"step in {clean.mean():.0%} of the mazes as they were and turns with the change in {both.mean():.0%} of "
        f"pairs; between the two the logit difference moves by {abs(_line(edit)):.1f} nats on average."
    )


def _journey(stream: Sequence[Row], null: Sequence[Row], settings: Settings) -> list[str]:
    """Where the choice is before each layer: the meanings that recover most, and when it has come to the fork."""
    layers, noise = _layers(stream), {_place(row): row.value for row in null}
    best = {name: max(rows, key=lambda row: row.value) for name, rows in layers.items()}
    said = [
        f"{name}: {row.what['meaning']} {_percent(row)}, null {noise.get(_place(row), 0.0):.0%}"
        for name, row in best.items()
    ]
    arrived = _arrived(layers)
    sentences = [
        f"Of the choice, one meaning of position recovers most at: {'; '.join(said)}.",
        f"Half of it or more is at the fork's token {arrived} for the first time."
        if arrived
        else "At no layer is half of it at the fork's token alone.",
    ]
    if settings.change == "passage":
        through = max(layers, key=lambda name: _of(layers[name], JOINED))
        share = _of(layers[through], JOINED)
        sentences.append(f"The `;` of the changed edge carries {share:.0%} of it at most, {through}.")
    return sentences


def _layers(stream: Sequence[Row]) -> dict[str, list[Row]]:
    names: dict[str, list[Row]] = {}
    for row in stream:
        name = f"before layer {row.what['layer']}" if row.what["site"] == STREAM else "after the last layer"
        names.setdefault(name, []).append(row)
    return names


def _arrived(layers: dict[str, list[Row]]) -> str | None:
    """The first place at which half of the choice is at the token of the fork."""
    return next((name for name, rows in layers.items() if _of(rows, HERE) >= HALF), None)


def _of(rows: Sequence[Row], meaning: str) -> float:
    return next((row.value for row in rows if row.what["meaning"] == meaning), 0.0)


def _percent(row: Row) -> str:
    return f"{row.value:.0%} ({row.low:.0%} to {row.high:.0%})"


def _head(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def _heads(rows: Sequence[Row], null: Sequence[Row]) -> list[str]:
    """The heads whose output, patched at one meaning of position, recovers more than any head of the null moves."""
    top, count = max((row.high for row in null), default=0.0), len({_head(row) for row in rows})
    above = sorted((row for row in rows if row.low > top), key=lambda row: -row.value)
    if not above:
        return [f"None of {count} heads recovers more at any meaning of position than the null's largest, {top:.0%}."]
    listed = "; ".join(f"{_head(row)} at {row.what['meaning']} {_percent(row)}" for row in above[:LISTED])
    return [
        f"{len({_head(row) for row in above})} of {count} heads recover more at some meaning of position than the "
        f"upper end of the null's largest, {top:.0%}: {listed}{'; ...' if len(above) > LISTED else ''}."
    ]


def _maps(rows: dict[str, list[Row]], nulls: dict[str, list[Row]]) -> dict[str, Figure]:
    stream = _layers(_by_layer(rows))
    by_head: dict[str, list[Row]] = {}
    for row in rows[HEADS]:
        by_head.setdefault(_head(row), []).append(row)
    arrived, most = _arrived(stream), max(rows[HEADS], key=lambda row: row.value)
    gathers = f"The choice is at the fork's token {arrived}" if arrived else "The choice never gathers at the fork"
    carries = f"Of single heads {_head(most)} carries most: {most.value:.0%} at {most.what['meaning']}"
    return {
        "stream": _map(stream, gathers),
        "stream_null": _map(_layers(_by_layer(nulls)), "What a change that must not matter moves, in the same units"),
        "heads": _map(by_head, carries),
    }


def _map(groups: dict[str, list[Row]], title: str) -> Figure:
    found = [{row.what["meaning"]: row.value for row in rows} for rows in groups.values()]
    values = np.array([[one.get(name, np.nan) for name in MEANINGS] for one in found])
    named = {"title": title, "x": "what was patched: all positions of one meaning", "y": "where"}
    value = "share of the choice recovered"
    return figures.heat_map(values, list(groups), list(MEANINGS), **named, value=value, centre=0.0, limit=1.0)
