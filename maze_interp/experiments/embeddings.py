"""Is the lattice in the embedding? Where tokens, positions and the unembedding put cells that lie next to each other.

A cell's token is a name. If the network reads its mazes as graphs, names need no order; if it uses where cells lie,
the matrices may hold a map. Predictions: without a map, the matrices are as if their cells were permuted, and as
those of the untrained network; with one, distances between rows grow with those on the lattice (published: Pearson r
0.506 and 0.368 for two models, with cityblock distances), neighbours are alike, and energy lies at low frequencies. A
map of walking distance beyond the lattice would show in the partial correlation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp import figures, seeds, training
from maze_interp.attention import embeddings
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row

TOKENS, UNEMBEDDING, POSITIONS = "tokens", "unembedding", "positions"
MEASURES = ("Manhattan distance", "walking distance", "walking | Manhattan", "neighbours", "low frequencies", "parity")
NETWORKS = ("trained", "untrained")
LEVEL = 0.05  # of the permutation tests, over all measures of the trained matrices


@dataclass(frozen=True)
class Settings:
    """The run to look at, and over how many test mazes walking distances are averaged."""

    run: str = ""
    mazes: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Map:
    """The rows of a matrix on the lattice they belong to; `walking` are the steps between its cells, if it has any."""

    matrix: Float[np.ndarray, "cell d_model"]
    rows: int
    cols: int
    walking: Float[np.ndarray, "cell cell"] | None


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Every measure of every matrix, trained and untrained, beside permuted cells. `progress` counts matrices."""
    trained = training.open_run(settings.run)
    seed = seeds.derive(settings.seed, "embeddings")
    held_out = held_out_mazes(trained, settings.mazes, seed=seed)
    walking = embeddings.walking_distance(held_out.passages)
    lattice = held_out.rows, held_out.cols
    longest = int(trained.model().maze_tokenizer.encode_prompts(held_out, seed=seed).length.max())
    maps = {
        (name, network): one
        for network, model in zip(NETWORKS, (trained.model(), trained.model(0)), strict=True)
        for name, one in _maps(model, *lattice, walking, longest).items()
    }
    rows: list[Row] = []
    chances: dict[tuple[str, str], float] = {}
    for done, ((name, network), one) in enumerate(maps.items(), start=1):
        for measure, found in _measure(one, seed).items():
            rows += embeddings.measure_rows(measure, found, len(one.matrix), matrix=name, network=network)
            chances |= {(name, measure): found.p} if network == NETWORKS[0] else {}
        if progress is not None:
            progress(done, len(maps))
    shown = {(row.what["matrix"], row.what["network"], row.what["cells"], row.measure): row for row in rows}
    drawn = {name: one for (name, network), one in maps.items() if network == NETWORKS[0]}
    return Findings(
        heading="The lattice in the embedding",
        sentences=[*(_sentence(name, shown, chances) for name in drawn), _walking(shown, chances)],
        tables={"measures": rows},
        figures=_figures(drawn, rows, shown, chances),
        numbers={
            **{f"{row.measure} of {row.what['matrix']}, {row.what['network']}": row.value for row in _in_place(rows)},
            **{f"p of {measure} of {name}": chance for (name, measure), chance in chances.items()},
            "test_mazes": len(held_out),
        },
    )


def _maps(
    model: HookedTransformer, rows: int, cols: int, walking: Float[np.ndarray, "cell cell"], longest: int
) -> dict[str, Map]:
    """The matrices that this model has; positions as far as its prompts reach."""
    maps = {
        TOKENS: Map(embeddings.tokens(model, rows, cols), rows, cols, walking),
        UNEMBEDDING: Map(embeddings.unembedding(model, rows, cols), rows, cols, walking),
    }
    if model.cfg.positional_embedding_type == "standard":
        maps[POSITIONS] = Map(embeddings.positions(model, longest), longest, 1, None)
    return maps


def _measure(one: Map, seed: int) -> dict[str, embeddings.Measured]:
    """The measures that the map's lattice allows: walking distances need mazes, and say something beyond the lattice
    only where they are not its own."""
    apart = embeddings.lattice_distance(one.rows, one.cols)
    found = {MEASURES[0]: embeddings.correlation(one.matrix, apart, seed=seed)}
    if one.walking is not None:
        found[MEASURES[1]] = embeddings.correlation(one.matrix, one.walking, seed=seed)
        found[MEASURES[2]] = embeddings.correlation(one.matrix, one.walking, given=apart, seed=seed)
    of_lattice = (embeddings.neighbours, embeddings.low_frequencies, embeddings.parity)
    found |= {
        name: measure(one.matrix, one.rows, one.cols, seed=seed)
        for name, measure in zip(MEASURES[3:], of_lattice, strict=True)
    }
    return found


def _in_place(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.what["cells"] == "in place"]


def _ordered(name: str, chances: dict[tuple[str, str], float]) -> list[str]:
    """The measures of a trained matrix that no permutation explains, after Bonferroni over all that were made."""
    return [measure for (matrix, measure), p in chances.items() if matrix == name and p < LEVEL / len(chances)]


def _sentence(name: str, shown: dict[tuple[str, str, str, str], Row], chances: dict[tuple[str, str], float]) -> str:
    r, near, low, board = (shown[name, "trained", "in place", measure] for measure in (MEASURES[0], *MEASURES[3:]))
    null, before = shown[name, "trained", "permuted", MEASURES[0]], shown[name, "untrained", "in place", MEASURES[0]]
    chance, even = (shown[name, "trained", "permuted", measure].value for measure in MEASURES[4:])
    what, lattice = ("positions", "in the sequence") if name == POSITIONS else ("cells", "on the lattice")
    found = _ordered(name, chances)
    verdict = f"not by chance: {', '.join(found)}" if found else "nothing here is beyond chance"
    return (
        f"{name.capitalize()}: the distance between the rows of two {what} goes with that {lattice} at r = "
        f"{r.value:.3f} ({r.low:.3f} to {r.high:.3f}; permuted {null.low:.3f} to {null.high:.3f}, untrained "
        f"{before.value:.3f}). Neighbours are {near.value:.2f} times as far apart, squared, as any two, and "
        f"{low.value:.1%} of the energy lies at the lowest frequencies (permuted {chance:.1%}), {board.value:.1%} "
        f"tells the two colours of a chequerboard apart (permuted {even:.1%}); {verdict}."
    )


def _walking(shown: dict[tuple[str, str, str, str], Row], chances: dict[tuple[str, str], float]) -> str:
    walk, beyond = (shown[TOKENS, "trained", "in place", measure] for measure in MEASURES[1:3])
    p = chances[TOKENS, MEASURES[2]]
    outcome = "beyond chance" if p < LEVEL / len(chances) else "not beyond chance"
    return (
        f"Walking distance, a mean over test mazes, goes with the distances of tokens at r = {walk.value:.3f}; with "
        f"Manhattan distance held, {beyond.value:+.3f} ({beyond.low:+.3f} to {beyond.high:+.3f}; p = {p:.3f}), "
        f"{outcome}. p is of 1,000 permutations of the cells, asked for {LEVEL / len(chances):.4f} because "
        f"{len(chances)} measures were made; intervals are over the dimensions of the embedding."
    )


def _figures(
    drawn: dict[str, Map],
    rows: list[Row],
    shown: dict[tuple[str, str, str, str], Row],
    chances: dict[tuple[str, str], float],
) -> dict[str, figures.Figure | figures.Html]:
    """The measures, and of each matrix its first two components and its spectrum."""
    found = [f"{measure} of {name}" for name in drawn for measure in _ordered(name, chances)]
    compared = [
        Row(
            row.measure, row.value, row.low, row.high, row.n, {"line": f"{row.what['matrix']}: {row.measure}", "of": of}
        )
        for row in rows
        if (of := _kind(row))
    ]
    said: dict[str, figures.Figure | figures.Html] = {
        "measures": figures.intervals(
            compared,
            title=f"{len(found)} of {len(chances)} measures are beyond permuted cells: {', '.join(found) or 'none'}",
            x="correlation, ratio or share; 95% over dimensions, of permuted cells 95% of permutations",
            by="line",
            group="of",
        )
    }
    for name, one in drawn.items():
        if name == POSITIONS:
            said |= {f"components_of_{name}": _components(one), f"spectrum_of_{name}": _waves(one, shown)}
        else:
            said |= {f"map_of_{name}": _drawn(name, one), f"spectrum_of_{name}": _spectrum(name, one, shown)}
    return said


def _kind(row: Row) -> str:
    """Which of the three to compare a row is; of permuted cells, the trained matrix's alone."""
    if row.what["cells"] == "in place":
        return str(row.what["network"])
    return "trained, permuted" if row.what["network"] == NETWORKS[0] else ""


def _drawn(name: str, one: Map) -> figures.Figure:
    places, shares = embeddings.principal_components(one.matrix)
    return figures.draw_lattice(
        places,
        one.rows,
        one.cols,
        title=f"Two components of the {name} hold {shares.sum():.0%} of the variance",
        x=f"first component ({shares[0]:.0%} of the variance)",
        y=f"second component ({shares[1]:.0%})",
    )


def _components(one: Map) -> figures.Figure:
    """The first two components of the positions, along the sequence."""
    places, shares = embeddings.principal_components(one.matrix)
    along = np.arange(float(len(places)))
    names = [f"{number} component ({share:.0%})" for number, share in zip(("first", "second"), shares, strict=True)]
    return figures.curves(
        [figures.Series(name, along, place) for name, place in zip(names, places.T, strict=True)],
        title=f"Two components of the positions hold {shares.sum():.0%} of the variance",
        x="position in the sequence (tokens)",
        y="place on the component",
    )


def _waves(one: Map, shown: dict[tuple[str, str, str, str], Row]) -> figures.Figure:
    """How the energy of the positions lies over frequencies, beside what permuted positions would have: all alike."""
    energy = embeddings.cosine_energy(one.matrix, one.rows, one.cols).sum(axis=1)
    along = np.arange(float(len(energy)))
    even = np.where(along > 0, 1 / (len(energy) - 1), 0.0)
    here, permuted = (f"{shown[POSITIONS, 'trained', of, MEASURES[4]].value:.1%}" for of in ("in place", "permuted"))
    return figures.curves(
        [figures.Series("in place", along, energy / energy.sum()), figures.Series("permuted, on average", along, even)],
        title=f"Positions: {here} of the energy lies at the lowest frequency (permuted {permuted})",
        x="half waves along the sequence",
        y="share of the energy",
    )


def _spectrum(name: str, one: Map, shown: dict[tuple[str, str, str, str], Row]) -> figures.Figure:
    energy = embeddings.cosine_energy(one.matrix, one.rows, one.cols).sum(axis=1)
    shares = (energy / energy.sum()).reshape(one.rows, one.cols)
    here, permuted = (
        [f"{shown[name, 'trained', cells, of].value:.0%}" for of in MEASURES[4:]] for cells in ("in place", "permuted")
    )
    return figures.heat_map(
        shares,
        [str(row) for row in range(one.rows)],
        [str(col) for col in range(one.cols)],
        title=f"{name.capitalize()}: {here[0]} of the energy lies at the lowest frequencies (permuted {permuted[0]}), "
        f"{here[1]} in the chequerboard (permuted {permuted[1]})",
        x="half waves along the columns",
        y="half waves along the rows",
        value="share of the energy",
    )
