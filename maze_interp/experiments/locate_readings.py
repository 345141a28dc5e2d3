"""Optimisation and impact of every part of a maze model at every named place, by split histories and by derivatives.

A column is one part (the stream before a layer, what a layer's heads or its MLP write, or one head) at one place of a
population's prompts (`optimisation.populations`), all positions of the place together. What is not on a way from the
prompt to the decision is no column. The split-history reading keeps pseudo-values, one a maze, whose mean is the
estimate; the differential one is of each maze by itself, and may be infinite.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from maze_interp import optimisation, recipes
from maze_interp.models import HookedTransformer, Site, cores, fused, reruns
from maze_interp.optimisation import Population
from maze_interp.optimisation.activations import part
from maze_interp.optimisation.populations import LEAST
from maze_interp.optimisation.responses import Responses

Progress = Callable[[int, int], None]
PARTS = ("resid_pre", "attn_out", "mlp_out", "z")
MANY = 8  # positions, behind which a rerun takes most of a run
PASTS = ("goal", "edge", "prompt")
PerMaze = Float[np.ndarray, "column maze"]


@dataclass(frozen=True)
class Column:
    """One part at one place; `layer_out`, all that a layer writes, is for the differential reading alone."""

    kind: str
    layer: int
    head: int | None
    place: str

    @property
    def site(self) -> Site:
        return Site(self.kind, self.layer, self.head)

    @property
    def part(self) -> str:
        """A short name: `3.1` is head 1 of layer 3."""
        short = {"resid_pre": "stream", "resid_post": "end", "attn_out": "attention", "mlp_out": "MLP", "z": ""}
        return f"{self.layer}.{self.head}" if self.kind == "z" else f"{short.get(self.kind, self.kind)} {self.layer}"

    @property
    def name(self) -> str:
        return f"{self.part} at {self.place}"


@dataclass(frozen=True)
class Reading:
    """Optimisation and impact of columns, a value a maze: pseudo-values to be averaged, or values of their own."""

    columns: tuple[Column, ...]
    op: PerMaze
    imp: PerMaze

    def where(self, wanted: Callable[[Column], bool]) -> "Reading":
        """Those columns that are wanted."""
        kept = [index for index, column in enumerate(self.columns) if wanted(column)]
        return Reading(tuple(self.columns[index] for index in kept), self.op[kept], self.imp[kept])


def columns_of(
    model: HookedTransformer, population: Population, *, places: Sequence[str] = (), kinds: Sequence[str] = PARTS
) -> list[Column]:
    """Every part at every place that lies between the prompt and the decision, and the stream at the very end."""
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    at, found = population.places["here"][0], []
    for place in places or population.places:
        positions = population.places[place]
        for kind in kinds:
            for layer in range(layers):
                each = range(heads) if kind == "z" else [None]
                mine = [Column(kind, layer, head, place) for head in each]
                if not optimisation.between(mine[0].site, positions, past=range(at + 1), at=at, layers=layers):
                    found += mine
    return found + [Column("resid_post", layers - 1, None, "here")] * ("resid_pre" in kinds)


def split(
    model: HookedTransformer,
    population: Population,
    coding: str,
    columns: Sequence[Column],
    progress: Progress | None = None,
) -> Reading:
    """The split-history reading: each column exchanged between all mazes of the population.

    The many positions of edges are exchanged between the first of them alone, a third; of the others nan is told.
    """
    some = population[: max(LEAST, len(population) // 3)]
    asked = {
        False: (population, *optimisation.recorded(model, population)),
        True: (some, *optimisation.recorded(model, some)),
    }
    values = np.full((2, len(columns), len(population)), np.nan)
    for done, column in enumerate(columns, start=1):
        positions = population.places[column.place]
        among, w, kept = asked[len(positions) > MANY]
        out = optimisation.exchanged(w, kept, among, column.site, positions, coding=coding)
        values[:, done - 1, : len(among)] = optimisation.pseudo_values(out)
        if progress is not None:
            progress(done, len(columns))
    return Reading(tuple(columns), *values)


def sizes(model: HookedTransformer, population: Population, columns: Sequence[Column]) -> Float[np.ndarray, " column"]:
    """The length of what each column adds to the stream, all its positions together, mean over mazes."""
    w, kept = optimisation.recorded(model, population)
    with torch.inference_mode():
        read = [part(w, kept, column.site)[:, list(population.places[column.place])] for column in columns]
        return np.array([float(one.flatten(1).norm(dim=1).mean()) for one in read])


def small_changes(
    model: HookedTransformer,
    population: Population,
    columns: Sequence[Column],
    *,
    past: str,
    future: str,
    seed: int,
    directions: int = 32,
    progress: Progress | None = None,
) -> Reading:
    """The differential reading: of each maze, P the embeddings of the goal, of the right edge, or of the prompt.

    The goal's and the edge's tokens are spanned exactly, the prompt by random directions. Raises ValueError for another
    past or future.
    """
    if past not in PASTS:
        raise recipes.unknown("past", past, PASTS)
    w = fused.weights(model)
    ids = torch.from_numpy(population.tokens.ids).long().to(w.embed.device)
    at = population.places["here"][0]
    names = list(dict.fromkeys(column.place for column in columns))
    places = np.zeros((len(names), ids.shape[1]), bool)
    for index, name in enumerate(names):
        places[index, list(population.places[name])] = True

    def one(maze: int) -> Responses:
        positions = past_of(population, maze, past)
        begin = min(positions)
        with torch.no_grad():
            kept = reruns.record(w, ids[[maze]], torch.tensor([at], device=ids.device))
        if past == "prompt":
            given = {"count": directions, "seed": seed + maze}
            changes = optimisation.sketch(positions, begin, ids.shape[1], kept.stream[0], **given)
        else:
            changes = optimisation.basis(positions, begin, ids.shape[1], kept.stream[0])
        asked = optimisation.future(future, population.ways(maze))
        return optimisation.respond(w, kept, begin, changes, asked, places=places)

    found = []
    with cores.workers(cores.settle(0, ids.device.type, len(population))) as pool:
        for done, response in enumerate(pool.map(one, range(len(population))), start=1):
            found.append(_of_columns(response, columns, names))
            if progress is not None:
                progress(done, len(population))
    op, imp = np.array(found).transpose(1, 2, 0)
    return Reading(tuple(columns), op, imp)


def past_of(population: Population, maze: int, past: str) -> list[int]:
    """The positions that change: the goal's token, the two that name the right step's edge, or the whole prompt."""
    if past == "goal":
        return list(population.places["goal"])
    if past == "prompt":
        return list(range(population.places["here"][0] + 1))
    ids = population.tokens.ids[maze]
    here = ids[population.places["here"][0]]
    return edge_positions(population, maze, (int(here), population.ways(maze).right))


def edge_positions(population: Population, maze: int, tokens: tuple[int, int]) -> list[int]:
    """The positions of the two tokens that name an edge of the list."""
    first = np.array(population.places["edge list"][::4])
    named = population.tokens.ids[maze][np.stack([first, first + 2], axis=1)]
    (slot,) = np.flatnonzero(np.isin(named, tokens).all(axis=1))
    return [int(first[slot]), int(first[slot]) + 2]


def _of_columns(response: Responses, columns: Sequence[Column], names: Sequence[str]) -> Float[np.ndarray, "2 column"]:
    """Op and Imp of one maze; nan where the past has not come by."""
    found = {kind: response.differential(kind) for kind in {column.kind for column in columns}}
    at = [(column.kind, (column.layer, names.index(column.place), column.head or 0)) for column in columns]
    return np.array([[float(found[kind][which][where]) for kind, where in at] for which in (0, 1)])
