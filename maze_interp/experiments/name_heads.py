"""What does each attention head look at, and does it bear the name of a head that others have found?

Heads are scored on the shortest paths of test mazes, against permuted positions and beside the same network before
training, which should bear no names. Predicted from what was published: heads of the first layer join the two ends of
an edge at the `;` behind it (connectivity), and a late head looks from the path's cell at the listed tokens of cells
one open step away (adjacency). If the first have joined them, a late head may look at the `;` instead (edges_here).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from maze_interp import attention, figures, mazes, models, seeds, training
from maze_interp.attention import HeadScores
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure, Html
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.tables import Row
from maze_interp.tokens import PATH

TRAINED, UNTRAINED = "trained", "untrained"
PREDICTION = (
    "Predicted: heads of the first layer are connectivity heads, a late head is an adjacency head or looks at the `;` "
    "of the edges that end where the path is, and an untrained network has none."
)


@dataclass(frozen=True)
class Settings:
    """The run to read and on how many test mazes; `layer` of the token view, -1 the last."""

    run: str = ""
    mazes: int = 200
    layer: int = -1
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Scores, circuits and pictures of every head. `progress` counts mazes, each read three times."""
    trained = training.open_run(settings.run)
    model, untrained = trained.model(), trained.model(0)
    layers = model.cfg.n_layers
    if not -layers <= settings.layer < layers:
        raise ValueError(f"layer must be one of -{layers}..{layers - 1}, not {settings.layer}")
    seed = seeds.derive(settings.seed, "name_heads")
    asked = held_out_mazes(trained, settings.mazes, seed=seed)
    solutions = mazes.solve(asked, seed=seed)
    walked = models.rollout(model, asked, seed=seed)
    steps = [partial(_report, progress, turn) for turn in range(3)]
    scores = attention.score_heads(model, asked, solutions, seed=seed, progress=steps[0])
    control = attention.score_heads(untrained, asked, solutions, seed=seed, progress=steps[1])
    distances = attention.by_distance(model, asked, walked, seed=seed, progress=steps[2])
    rows = attention.score_rows(scores, seed=seed)
    looks = max((row for row in rows if row.measure == "adjacency"), key=lambda row: row.value)
    profile = attention.distance_rows(distances, looks.what["layer"], looks.what["head"], seed=seed)
    circuits = attention.circuit_rows(model, seed=seed)
    before = attention.circuit_rows(untrained, seed=seed)
    names, names_before = attention.head_names(scores), attention.head_names(control)
    return Findings(
        heading="What the heads look at",
        sentences=[
            PREDICTION,
            _census(names, names_before, scores, len(asked)),
            *_strongest(rows),
            _reached(profile, looks),
            _moved(circuits, before),
        ],
        tables={
            "heads": rows,
            "heads_untrained": [row for row in attention.score_rows(control, seed=seed) if row.what["named"]],
            "by_distance": [row for row in profile if row.n],
            "circuits": circuits,
        },
        figures={
            **_maps(rows, names, circuits),
            "distance": _profile(profile, looks),
            "ov": _matrix(model, circuits),
            **_pictures(model, asked, walked if walked.length.any() else solutions, settings.layer % layers, seed),
        },
        numbers={
            **{f"{_of(row)}: {row.measure}": row.value for row in [*rows, *circuits]},
            "heads_named": len(names),
            "heads_named_untrained": len(names_before),
            "wrong_steps": int(distances.steps[:, 0].sum()),
            "right_steps": int(distances.steps[:, 1].sum()),
        },
    )


def _report(progress: Progress | None, turn: int, done: int, count: int) -> None:
    if progress is not None:
        progress(turn * count + done, 3 * count)


def _of(row: Row) -> str:
    return f"{row.what['layer']}.{row.what['head']}"


def _census(
    names: Mapping[tuple[int, int], list[str]], before: Mapping[tuple[int, int], list[str]], scores: HeadScores, n: int
) -> str:
    heads = scores.share.shape[2] * scores.share.shape[3]
    kinds = {
        score: [f"{layer}.{head}" for (layer, head), own in names.items() if score in own] for score in scores.names
    }
    said = "; ".join(f"{score}: {', '.join(which)}" for score, which in kinds.items() if which)
    none = ", ".join(score for score, which in kinds.items() if not which)
    return (
        f"On the shortest paths of {n} test mazes {len(names)} of {heads} heads bear a name (layer.head"
        f"{'; ' + said if said else ''}); before training {len(before)} of them did. "
        f"Names that no head bears: {none or 'none'}."
    )


def _strongest(rows: list[Row]) -> list[str]:
    """A sentence for each score some head is named by: its strongest head."""
    said = []
    for score in dict.fromkeys(row.measure for row in rows):
        named = [row for row in rows if row.measure == score and row.what["named"]]
        if named:
            top = max(named, key=lambda row: row.value)
            said.append(
                f"The strongest {score} head is {_of(top)}: {top.what['share']:.1%} of its attention, "
                f"{top.what['chance']:.1%} by chance (difference {top.value:.1%}, {top.low:.1%} to {top.high:.1%})."
            )
    return said


def _reached(profile: list[Row], looks: Row) -> str:
    near = {row.what["step"]: row for row in profile if row.what["distance"] == 1}
    said = [
        f"{row.value:.2%} before {step} steps ({_span(row)}; {row.what['chance']:.2%} on any cell's)"
        for step, row in near.items()
        if row.n
    ]
    return (
        f"The head that comes nearest to an adjacency head, {_of(looks)}, puts on each listed token of a cell at "
        f"distance 1 on the model's own paths: {'; '.join(said) or 'nothing, as the model makes no step'}."
    )


def _span(row: Row) -> str:
    return "one maze" if row.n == 1 else f"{row.low:.2%} to {row.high:.2%}, {row.n} mazes"


def _moved(circuits: list[Row], before: list[Row]) -> str:
    beyond = [row for row in circuits if row.what["beyond"]]
    said = "; ".join(f"{_of(row)} {row.measure} {row.value:+.2f} ({row.low:+.2f} to {row.high:+.2f})" for row in beyond)
    return (
        f"Between the embeddings of cells, {len(beyond)} of {len(circuits)} circuit patterns stand out beyond renamed "
        f"cells, {sum(row.what['beyond'] for row in before)} before training{': ' + said if said else ''} (in standard "
        f"deviations of the matrix; own: a cell and itself, neighbours: cells next to each other)."
    )


def _map(rows: list[Row], *, title: str, x: str, value: str) -> Figure:
    heads, kinds = list(dict.fromkeys(map(_of, rows))), list(dict.fromkeys(row.measure for row in rows))
    values = {(_of(row), row.measure): row.value for row in rows}
    table = np.array([[values[head, kind] for kind in kinds] for head in heads])
    return figures.heat_map(table, heads, kinds, title=title, x=x, y="head (layer.head)", value=value, centre=0.0)


def _maps(rows: list[Row], names: Mapping[tuple[int, int], list[str]], circuits: list[Row]) -> dict[str, Figure]:
    """All scores and all circuits of all heads."""
    kinds = Counter(own[0] for own in names.values()).most_common(1)
    said = f", most often {kinds[0][0]} ({kinds[0][1]})" if kinds else ""
    beyond = sum(row.what["beyond"] for row in circuits)
    return {
        "scores": _map(
            rows,
            title=f"{len(names)} of {len(set(map(_of, rows)))} heads look where a head of some name looks{said}",
            x="score",
            value="share of attention beyond chance",
        ),
        "circuits": _map(
            circuits,
            title=f"{beyond} of {len(circuits)} circuits between cells' embeddings stand out beyond chance",
            x="circuit and pattern",
            value="standard deviations above other cells",
        ),
    }


def _profile(profile: list[Row], looks: Row) -> Figure:
    lines = []
    for step in ("right", "wrong"):
        rows = [row for row in profile if row.what["step"] == step and row.n]
        if rows:
            columns = {name: np.array([getattr(row, name) for row in rows], float) for name in ("value", "low", "high")}
            x = np.array([row.what["distance"] for row in rows], float)
            low, high = (np.where(np.isnan(columns[name]), columns["value"], columns[name]) for name in ("low", "high"))
            chance = np.array([row.what["chance"] for row in rows])
            lines.append(figures.Series(f"before {step} steps", x, columns["value"], low, high))
            lines.append(figures.Series(f"any cell, before {step} steps", x, chance))
    near = next((r for r in profile if r.n and (r.what["step"], r.what["distance"]) == ("right", 1)), None)
    said = f"{near.value / near.what['chance']:.1f} times as much on cells one step away as on any" if near else "none"
    return figures.curves(
        lines,
        title=f"Attention of head {_of(looks)} before right steps: {said}",
        x="distance from the path's cell through the maze (steps)",
        y="attention per listed token, 95% interval",
    )


def _matrix(model: HookedTransformer, circuits: list[Row]) -> Figure:
    """The OV matrix that copies most, or does so most in reverse."""
    top = max((row for row in circuits if row.measure == "OV own"), key=lambda row: abs(row.value))
    matrix = attention.ov_circuit(model, top.what["layer"], top.what["head"])
    vocabulary = model.maze_tokenizer.vocabulary
    cells = [vocabulary.tokens[token] for token in vocabulary.cell_ids.flatten()]
    return figures.heat_map(
        matrix,
        cells,
        cells,
        title=f"Attention of head {_of(top)} on a cell {'raises' if top.value > 0 else 'lowers'} that cell's own logit "
        f"by {abs(top.value):.2f} standard deviations against the others",
        x="logit of cell",
        y="attended cell",
        value="effect on the logit (up to the last layer norm's scale)",
        centre=0.0,
    )


def _pictures(
    model: HookedTransformer, asked: MazeBatch, walked: PathBatch, layer: int, seed: int
) -> dict[str, Figure | Html]:
    """All heads over the steps of the longest path, a shortest one if there is any, and the token view of one layer."""
    optimal = mazes.paths.optimal(asked, walked)
    index = np.argmax(np.where(optimal | ~optimal.any(), walked.length, 0), keepdims=True)
    maze, path = asked[index], walked[index]
    tokens = model.maze_tokenizer.encode(maze, path, seed=seed)
    sites = [Site("pattern", number) for number in range(model.cfg.n_layers)]
    with torch.inference_mode():
        read = models.access.run(model, torch.from_numpy(tokens.ids).long(), read=sites).values
    pattern = torch.stack([read[site][0] for site in sites]).numpy()
    queries = np.flatnonzero((tokens.part[0] == PATH) & (tokens.cell[0] != NO_CELL))
    words = model.maze_tokenizer.text(tokens)[0].split()
    kind = "solved maze" if optimal[index[0]] else "path, though it solves none"
    title = f"Attention along the model's longest {kind}: {len(queries)} cells"
    return {
        "steps": figures.attention_over_steps(maze, 0, tokens, pattern, queries, title=title),
        "tokens": Html(figures.circuitsvis_attention(words, pattern, layer=layer)),
    }
