"""Attention drawn where it points: on the maze.

A prompt names places, so the attention of one query position is a picture. Every token before the query has exactly
one place. The tokens of an edge in the adjacency list (`a <--> b ;`) belong to that edge; a token that names a cell
anywhere else (origin, target, path) belongs to its cell; what is left (delimiters, padding) is special and is printed
as a share, so the three always add up to all the attention there is.
"""

import importlib.util
import json
from dataclasses import dataclass
from hashlib import blake2b
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from maze_interp.figures.mazes import wall_trace
from maze_interp.figures.panels import BAR, centres, fill_panels, lattice_panels, panel_size, pieces
from maze_interp.figures.style import BLUE, INK, SEQUENTIAL, colour_bar, finish, inside_script
from maze_interp.mazes.batch import DOWN, NO_CELL, RIGHT, MazeBatch
from maze_interp.tokens.batch import EDGE, TokenBatch
from maze_interp.tokens.vocabulary import ADJLIST_END, ADJLIST_START

WIDTHS = 8  # edges are drawn in this many widths: plotly gives a whole trace one width
FEWEST = 0.004  # an edge with less of the attention than this share of the strongest is not drawn


@dataclass(frozen=True)
class AttentionMass:
    """Where the attention of one query position goes, for each head; the three sum to the pattern's row.

    `edge` is numbered like the flattened passages of a maze: direction * rows * cols + cell.
    """

    cell: Float[np.ndarray, "layer head cell"]
    edge: Float[np.ndarray, "layer head edge"]
    special: Float[np.ndarray, "layer head"]


def attention_mass(
    mazes: MazeBatch, index: int, tokens: TokenBatch, pattern: Float[np.ndarray, "layer head query key"], query: int
) -> AttentionMass:
    """The attention from position `query` of sequence `index`, summed onto the cells and edges its keys name.

    `pattern` is the attention of that one sequence. Raises ValueError for a query outside the sequence and
    for keys outside the batch.
    """
    length = int(tokens.length[index])
    if not 0 <= query < min(length, pattern.shape[2]):
        raise ValueError(f"query position {query} is outside sequence {index}, which has {length} tokens")
    keys = pattern.shape[3]
    if not query < keys <= tokens.ids.shape[1]:
        raise ValueError(f"the pattern attends to {keys} positions, but the batch has {tokens.ids.shape[1]}")
    place = _places(tokens, index, mazes.rows, mazes.cols)[:keys]
    cells = mazes.rows * mazes.cols
    chosen = np.zeros((keys, 3 * cells + 1))
    chosen[np.arange(keys), place] = 1.0
    mass = pattern[:, :, query, :keys].astype(float) @ chosen
    return AttentionMass(mass[..., :cells], mass[..., cells:-1], mass[..., -1])


def attention_on_maze(
    mazes: MazeBatch,
    index: int,
    tokens: TokenBatch,
    pattern: Float[np.ndarray, "layer head query key"],
    query: int,
    *,
    title: str = "",
    panel: int | None = None,
) -> go.Figure:
    """One panel for each head (a row a layer): what it attends to from `query`, drawn on maze `index`.

    Squares are the mass on a cell's tokens, lines the mass on an edge's tokens, both on one scale for all panels;
    the ring is the cell that the query's own token names.
    """
    mass = attention_mass(mazes, index, tokens, pattern, query)
    layers, heads = mass.special.shape
    top = float(max(mass.cell.max(), mass.edge.max())) or 1.0
    panel = panel or panel_size(heads, BAR)
    unit = panel / max(mazes.rows, mazes.cols)
    titles, drawings = [], []
    for layer, head in np.ndindex(layers, heads):
        titles.append(f"layer {layer}, head {head}<br>special tokens {mass.special[layer, head]:.0%}")
        drawings.append(
            [
                _cell_trace(mass.cell[layer, head].reshape(mazes.rows, mazes.cols)),
                *_edge_traces(mass.edge[layer, head], mazes, top, unit),
                wall_trace(mazes, index, unit),
                *_ring(int(tokens.cell[index, query]), mazes.cols, unit),
            ]
        )
    figure = fill_panels(lattice_panels(mazes.rows, mazes.cols, titles, heads, panel, foot=12), drawings)
    bar = colour_bar("share of attention") | {"tickformat": ".0%"}
    figure.update_layout(coloraxis={"cmin": 0, "cmax": top, "colorscale": SEQUENTIAL, "colorbar": bar})
    figure.update_layout(width=max(figure.layout.width + BAR, 420))
    note = f"squares: a cell's tokens; lines: an edge's tokens (widest {mass.edge.max():.0%}); ring: where the query is"
    return finish(figure, title or f"What each head attends to from position {query} of maze {index}", note=note)


def circuitsvis_attention(
    token_strings: list[str],
    pattern: Float[np.ndarray, "layer head query key"],
    *,
    layer: int,
    last: int = 64,
    bundle: bool = True,
) -> str:
    """One layer's attention as an interactive circuitsvis view: HTML that needs no network.

    A browser cannot draw every layer of a long sequence, so the view holds `layer` and the last `last` tokens, and
    says so. The script library (1.3 MB) is inlined; leave it out with `bundle=False` for further views on one page.
    """
    layers, count = len(pattern), len(token_strings)
    if not 0 <= layer < layers:
        raise ValueError(f"layer {layer} does not exist: the pattern has layers 0..{layers - 1}")
    if pattern.shape[2:] != (count, count):
        raise ValueError(f"{count} token strings for a pattern of {pattern.shape[2]} x {pattern.shape[3]} positions")
    first = max(0, count - last)
    shown = np.round(pattern[layer, :, first:, first:].astype(float), 4)
    names = [f"L{layer} H{head}" for head in range(len(shown))]
    props = {"attention": shown.tolist(), "tokens": token_strings[first:], "attentionHeadNames": names}
    data = json.dumps(props).replace("<", "\\u003c")
    name = "attention-" + blake2b(data.encode(), digest_size=6).hexdigest()
    said = f"Layer {layer} (of 0 to {layers - 1}), the last {count - first} of {count} tokens, numbered from 0 here."
    if first:
        hidden = pattern[layer, :, first:, :first].sum(axis=-1).mean()
        said += f" Not drawn: the first {first} tokens, on which those shown spend {hidden:.0%} of their attention."
    script = f"<script>\n{_bundle()}\n</script>\n" if bundle else ""
    call = f'CircuitsVis.render("{name}", CircuitsVis.AttentionHeads, {data});'
    return (
        f'{script}<div class="circuitsvis"><p>{escape(said)}</p><div id="{name}"></div></div>\n'
        f"<script>{call}</script>\n"
    )


def _bundle() -> str:
    """circuitsvis' own script library, read from its file: importing the package would load torch to no purpose."""
    found = importlib.util.find_spec("circuitsvis")
    folder = Path(((found and found.submodule_search_locations) or [""])[0])
    return inside_script((folder / "dist" / "cdn" / "iife.js").read_text(encoding="utf-8"))


def _places(tokens: TokenBatch, index: int, rows: int, cols: int) -> Int[np.ndarray, " position"]:
    """Each position's place: its cell, rows * cols + its edge, or 3 * rows * cols for a special token."""
    ids, cell = tokens.ids[index], tokens.cell[index].astype(int)
    listed = (tokens.part[index] == EDGE) & (ids != ADJLIST_START) & (ids != ADJLIST_END)
    named = np.flatnonzero(listed & (cell != NO_CELL)).reshape(-1, 2)  # the two ends of each edge
    low, high = np.sort(cell[named], axis=1).T
    edge = np.where(high - low == cols, DOWN, RIGHT) * rows * cols + low
    place = np.where(cell == NO_CELL, 3 * rows * cols, cell)
    place[listed] = rows * cols + np.repeat(edge, listed.sum() // max(len(edge), 1))  # all edges take as many tokens
    return place


def _cell_trace(mass: Float[np.ndarray, "row col"]) -> go.Heatmap:
    hover = "(%{y}, %{x}): %{z:.1%} of the attention<extra></extra>"
    return go.Heatmap(z=mass, coloraxis="coloraxis", hovertemplate=hover)


def _edge_traces(mass: Float[np.ndarray, " edge"], mazes: MazeBatch, top: float, unit: float) -> list[go.Scatter]:
    """Lines whose width and strength grow with the mass, in WIDTHS steps, and a hover point on each edge."""
    drawn = np.flatnonzero(mass > FEWEST * top)
    direction, low = np.divmod(drawn, mazes.rows * mazes.cols)
    cells = np.stack([low, low + np.where(direction == DOWN, mazes.cols, 1)], axis=1)
    ends = centres(cells, mazes.cols)
    level = np.ceil(mass[drawn] / top * WIDTHS).clip(1, WIDTHS)
    traces = []
    for step in np.unique(level):
        x, y = pieces(ends[level == step]).T
        line = {"color": BLUE, "width": 1 + float(step / WIDTHS * np.clip(unit * 0.28, 3, 9))}
        look = {"line": line, "opacity": 0.3 + 0.7 * step / WIDTHS, "hoverinfo": "skip", "showlegend": False}
        traces.append(go.Scatter(x=x, y=y, mode="lines", **look))
    (x, y), at = ends.mean(axis=1).T, {"color": BLUE, "size": 6, "opacity": 0}
    text = [
        f"({a // mazes.cols}, {a % mazes.cols}) to ({b // mazes.cols}, {b % mazes.cols}): {share:.1%} of the attention"
        for (a, b), share in zip(cells, mass[drawn], strict=True)
    ]
    hover = go.Scatter(x=x, y=y, mode="markers", marker=at, text=text, hoverinfo="text", showlegend=False)
    return [*traces, hover]


def _ring(cell: int, cols: int, unit: float) -> list[go.Scatter]:
    if cell == NO_CELL:
        return []
    x, y = centres(np.array([cell]), cols).T
    size = float(np.clip(unit * 0.55, 9, 22))
    marker = {"symbol": "circle-open", "size": size, "color": INK, "opacity": 1, "line": {"width": 2.5}}
    look = {"showlegend": False, "hoverinfo": "skip"}
    return [go.Scatter(x=x, y=y, mode="markers", marker=marker, **look)]
