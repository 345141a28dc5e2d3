"""What does each attention head look at, and does it bear the name of a head that others have found?

Heads are scored on the shortest paths of test mazes, against permuted positions and beside the same network before
training, which should bear no names. Predicted from what was published: heads of the first layer join the two ends of
an edge at the `;` behind it (connectivity), and a late head looks from the path's cell at the listed tokens of cells
one open step away (adjacency). If the first have joined them, a late head may look at the `;` instead (edges_here).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from maze_interp import attention, figures, mazes, models, seeds, training
from maze_interp.experiments import name_heads_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure, Html
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.tokens import PATH

TRAINED, UNTRAINED = "trained", "untrained"
PREDICTION = (
    "Predicted: heads of the first layer are connectivity heads, a late head is an adjacency head or looks at the `;` "
    "of the edges that end where the path is, and an untrained network has none."
)


@dataclass(frozen=True)
class Settings:
    """The run to read, at which of its checkpoints (-1: when finished), on how many test mazes; `layer` of the token
    view, -1 the last.

    `head`, if not -1, is one of that layer to look at in full: its circuits, and its attention by distance. `maze` is
    the test maze along whose path attention is drawn, -1 the one with the longest solved path.
    """

    run: str = ""
    step: int = -1
    mazes: int = 200
    layer: int = -1
    head: int = -1
    maze: int = -1
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Scores, circuits and pictures of every head. `progress` counts mazes, each read three times.

    Raises ValueError for a step of which the run has no checkpoint.
    """
    trained = training.open_run(settings.run)
    model, untrained = trained.model(None if settings.step < 0 else settings.step), trained.model(0)
    layers = model.cfg.n_layers
    _check(settings, layers, model.cfg.n_heads)
    seed = seeds.derive(settings.seed, "name_heads")
    asked = held_out_mazes(trained, settings.mazes, seed=seed)
    solutions = mazes.solve(asked, seed=seed)
    walked = models.rollout(model, asked, seed=seed)
    turns = [partial(_report, progress, turn) for turn in range(3)]
    scores = attention.score_heads(model, asked, solutions, seed=seed, progress=turns[0])
    control = attention.score_heads(untrained, asked, solutions, seed=seed, progress=turns[1])
    distances = attention.by_distance(model, asked, walked, seed=seed, progress=turns[2])
    rows = attention.score_rows(scores, seed=seed)
    tops = {row.measure: row for row in attention.strongest(scores, seed=seed)}
    looks, heads = tops["adjacency"], layers * model.cfg.n_heads
    profile = attention.distance_rows(distances, looks.what["layer"], looks.what["head"], seed=seed, chosen_of=heads)
    circuits = attention.circuit_rows(model, seed=seed)
    before = attention.circuit_rows(untrained, seed=seed)
    one = None if settings.head < 0 else (settings.layer % layers, settings.head)
    own = attention.distance_rows(distances, *one, seed=seed) if one else []
    names, names_before = attention.head_names(scores), attention.head_names(control)
    return Findings(
        heading="What the heads look at",
        sentences=[
            PREDICTION,
            page.census(names, names_before, scores, len(asked)),
            *page.strongest(tops, heads),
            page.reached(profile, looks, heads),
            page.moved(circuits, before),
            *([page.one_head(one, names.get(one, []), circuits, own)] if one else []),
        ],
        tables={
            "heads": rows,
            "strongest": list(tops.values()),
            "heads_untrained": [row for row in attention.score_rows(control, seed=seed) if row.what["named"]],
            "by_distance": [row for row in profile if row.n],
            "circuits": circuits,
            **({"by_distance_of_head": [row for row in own if row.n]} if one else {}),
        },
        figures={
            **page.maps(rows, names, circuits),
            "distance": page.by_distance(profile, page.head_of(looks)),
            "ov": page.copying(model, circuits),
            **(page.drawn_head(model, one, circuits, own) if one else {}),
            **_pictures(model, asked, (walked, solutions), settings, seed),
        },
        numbers={
            **{f"{page.head_of(row)}: {row.measure}": row.value for row in [*rows, *circuits]},
            "heads_named": len(names),
            "heads_named_untrained": len(names_before),
            "wrong_steps": int(distances.steps[:, 0].sum()),
            "right_steps": int(distances.steps[:, 1].sum()),
        },
    )


def _report(progress: Progress | None, turn: int, done: int, count: int) -> None:
    if progress is not None:
        progress(turn * count + done, 3 * count)


def _check(settings: Settings, layers: int, heads: int) -> None:
    for name, least, end in (("layer", -layers, layers), ("head", -1, heads), ("maze", -1, settings.mazes)):
        given = getattr(settings, name)
        if not least <= given < end:
            raise ValueError(f"{name} must be one of {least}..{end - 1}, not {given}")


def _pictures(
    model: HookedTransformer, asked: MazeBatch, paths: tuple[PathBatch, PathBatch], settings: Settings, seed: int
) -> dict[str, Figure | Html]:
    """All heads over the steps of one path, and the token view of one layer.

    `paths` are the model's and shortest ones; the latter are drawn where the model walked nothing.
    """
    walked = paths[0] if paths[0].length[settings.maze if settings.maze >= 0 else slice(None)].any() else paths[1]
    optimal = mazes.paths.optimal(asked, walked)
    longest = np.argmax(np.where(optimal | ~optimal.any(), walked.length, 0), keepdims=True)
    index = longest if settings.maze < 0 else np.array([settings.maze])
    maze, path = asked[index], walked[index]
    tokens = model.maze_tokenizer.encode(maze, path, seed=seed)
    sites = [Site("pattern", number) for number in range(model.cfg.n_layers)]
    with torch.inference_mode():
        read = models.access.run(model, torch.from_numpy(tokens.ids).long(), read=sites).values
    pattern = torch.stack([read[site][0] for site in sites]).numpy()
    queries = np.flatnonzero((tokens.part[0] == PATH) & (tokens.cell[0] != NO_CELL))
    words = model.maze_tokenizer.text(tokens)[0].split()
    of = "longest " if settings.maze < 0 else ""
    kind = f"{of}solved maze" if optimal[index[0]] else f"{of}path, though it solves none"
    along = f"the model's {kind}" if walked is paths[0] else "a shortest path, as the model walks none"
    title = f"Attention along {along}, test maze {index[0]}: {len(queries)} cells"
    layer = settings.layer % model.cfg.n_layers
    return {
        "steps": figures.attention_over_steps(maze, 0, tokens, pattern, queries, title=title),
        "tokens": Html(figures.circuitsvis_attention(words, pattern, layer=layer)),
    }
