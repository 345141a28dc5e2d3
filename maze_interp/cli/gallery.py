"""Every kind of maze and every way of writing one, on one page that opens anywhere and asks nothing of any network.

The page is made from the dicts of generators and token schemes, so what is added there appears here by itself.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from maze_interp import figures, mazes, seeds, tables, tokens
from maze_interp.figures import Html, Section, Table
from maze_interp.mazes import MazeBatch, PathBatch, World
from maze_interp.mazes.generators import settle
from maze_interp.tables import Row

PAGE = "gallery.html"
UNITS = {  # measure -> what it is called, and what follows its number
    "forks": ("cells that are forks", "%"),
    "dead ends": ("cells that are dead ends", "%"),
    "solution length": ("cells on a shortest path", ""),
}


@dataclass(frozen=True)
class Settings:
    """The lattice and the number of mazes measured and drawn of each kind, and the lattice of the maze written down."""

    rows: int = 6
    cols: int = 6
    mazes: int = 2000
    drawn: int = 5
    token_rows: int = 3
    token_cols: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            least = {"mazes": 2, "drawn": 1, "seed": None}.get(field.name, 2)
            if least is not None and getattr(self, field.name) < least:
                raise ValueError(f"{field.name} must be at least {least}, not {getattr(self, field.name)}")


@dataclass(frozen=True)
class Kind:
    """Mazes of one generator, solved, and what was measured of them: measure -> row."""

    name: str
    mazes: MazeBatch
    solutions: PathBatch
    measures: dict[str, Row]


def gallery(settings: Settings, out: str | Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write gallery.html into `out` and return its path. `progress` counts generators and schemes."""
    total = len(mazes.GENERATORS) + len(tokens.SCHEMES)
    kinds, cards = [], []
    small = mazes.draw(World("wilson", settings.token_rows, settings.token_cols, min_length=3), 1, seed=settings.seed)
    for done, name in enumerate([*mazes.GENERATORS, *tokens.SCHEMES], start=1):
        if done <= len(mazes.GENERATORS):
            kinds.append(measured(name, settings))
        else:
            cards.append(written(name, small, settings.seed))
        if progress is not None:
            progress(done, total)
    sections = [differences(kinds), generators(kinds, settings.drawn), promises(kinds), schemes(small, cards)]
    title = f"{len(kinds)} kinds of maze, {len(cards)} ways to write one"
    return figures.write_page(Path(out) / PAGE, title, sections, lead=lead(kinds))


def measured(name: str, settings: Settings) -> Kind:
    """Mazes of one generator with its defaults, on the settings' lattice or the smallest larger one it accepts."""
    least = mazes.GENERATORS[name].minimum
    world = World(name, max(settings.rows, least[0]), max(settings.cols, least[1]))
    batch = mazes.draw(world, settings.mazes, seed=settings.seed)
    solutions = mazes.solve(batch, seed=settings.seed)
    values = {
        "forks": 100 * mazes.forks(batch.passages).mean(axis=1),
        "dead ends": 100 * mazes.dead_ends(batch.passages).mean(axis=1),
        "solution length": solutions.length,
    }
    seed = seeds.derive(settings.seed, "gallery", name)
    rows = {measure: tables.mean(measure, found, seed=seed, generator=name) for measure, found in values.items()}
    return Kind(name, batch, solutions, rows)


def lead(kinds: list[Kind]) -> str:
    """The page's first sentence: how far apart the kinds are."""
    low, *_, high = sorted(kinds, key=lambda kind: kind.measures["solution length"].value)
    return (
        f"A shortest path between two random cells has {_mean(low, 'solution length')} cells on average in {low.name} "
        f"and {_mean(high, 'solution length')} in {high.name}: what is learned from one kind need not hold for another."
    )


def promises(kinds: list[Kind]) -> Section:
    """A table of all generators: what they do, what they promise of every maze, and their knobs."""
    trees = sum(_promise(kind) == mazes.SPANNING_TREE for kind in kinds)
    said = (
        f"With their defaults, {trees} of the {len(kinds)} generators draw spanning trees: exactly one path joins any "
        "two cells. A connected maze may have cycles besides, and one with no promise cells that cannot be reached. "
        "The test suite holds every generator to its promise."
    )
    rows = [[kind.name, _promise(kind).replace(" ", "\u00a0"), _knobs(kind.name), summary(kind.name)] for kind in kinds]
    table = Table(["generator", "promise", "knobs and their defaults", "what it does"], rows)
    return Section("What each generator promises", [said, table])


def differences(kinds: list[Kind]) -> Section:
    """Each measure for all generators, the largest on top."""
    first = kinds[0].mazes
    parts: list[figures.Figure | str] = [
        f"Means over {len(first):,} mazes of each kind, start and goal drawn evenly from the largest component, with "
        "95% intervals (bootstrap over mazes; none where all mazes agree)."
    ]
    for measure, (name, unit) in UNITS.items():
        ordered = sorted(kinds, key=lambda kind: kind.measures[measure].value, reverse=True)
        high, low = ordered[0], ordered[-1]
        title = (
            f"{measure.capitalize()}: from {_mean(low, measure)} in {low.name} to {_mean(high, measure)} in {high.name}"
        )
        rows = [kind.measures[measure] for kind in ordered]
        parts.append(figures.intervals(rows, title=title, x=f"{name} ({unit or 'mean number'})", by="generator"))
    return Section("How they differ", parts)


def generators(kinds: list[Kind], drawn: int) -> Section:
    """A card for each generator."""
    top = max(int(kind.solutions.length.max()) for kind in kinds)
    said = (
        "The first mazes of each kind: from the dot to the cross, a shortest path in green. The bars show how often a "
        "shortest path has so many cells, on one scale for all kinds; the dashed line is their mean."
    )
    return Section("The generators, one by one", [said, *(_card(kind, drawn, top) for kind in kinds)])


def schemes(small: MazeBatch, cards: list[tuple[int, Html]]) -> Section:
    """The small maze, and a card for each scheme that writes it."""
    counts = [count for count, _ in cards]
    names = ("passages or walls", "where it starts", "where it should lead", "the path")
    parts = (tokens.EDGE, tokens.START, tokens.GOAL, tokens.PATH)
    said = (
        f"The same maze of {small.rows} x {small.cols} cells takes {min(counts)} tokens in the shortest scheme and "
        f"{max(counts)} in the longest. A token is what stands between two spaces, and is coloured by what it tells:"
    )
    legend = figures.token_markup([name.replace(" ", "\u00a0") for name in names], np.array(parts))
    drawing = Html(figures.maze_svg(small, None, mazes.solve(small), cell=36, label="the maze that is written below"))
    shown = figures.side_by_side(drawing, legend)
    return Section("One maze in every token scheme", [said, shown, *(card for _, card in cards)])


def written(name: str, small: MazeBatch, seed: int) -> tuple[int, Html]:
    """(how many tokens, the card) of a scheme: its choices, its sizes and the maze as it writes it."""
    tokenizer = tokens.Tokenizer(name, small.rows, small.cols)
    batch = tokenizer.encode(small, mazes.solve(small), seed=seed)
    words, usual = tokenizer.text(batch)[0].split(), vars(tokens.Scheme())
    chosen = {key: value for key, value in vars(tokens.SCHEMES[name]).items() if value != usual[key]}
    sizes = [f"{len(words)} tokens", f"vocabulary of {tokenizer.vocabulary.size}", f"at most {tokenizer.max_length()}"]
    said = "; ".join(f"{key}: {_choice(value)}" for key, value in chosen.items())
    said = said or "The usual choices: shuffled passages, one token a cell, the path's cells."
    return len(words), figures.card(name, sizes, [said, figures.token_markup(words, batch.part[0])])


def summary(name: str) -> str:
    """The first line of the docstring of the generator's module."""
    module = sys.modules[mazes.GENERATORS[name].fill.__module__]
    return (module.__doc__ or "").splitlines()[0]


def _card(kind: Kind, drawn: int, top: int) -> Html:
    shown = slice(min(drawn, len(kind.mazes)))
    label = f"{shown.stop} mazes of {kind.name}, solved"
    drawing = figures.maze_svg(kind.mazes[shown], None, kind.solutions[shown], columns=drawn, cell=26, label=label)
    numbers = [
        figures.measure(UNITS[name][0], _mean(kind, name), _interval(row)) for name, row in kind.measures.items()
    ]
    bars = figures.histogram_svg(kind.solutions.length, top=top, name="cells on a shortest path")
    rows, cols = kind.mazes.rows, kind.mazes.cols
    marks = [_promise(kind), f"{rows} x {cols}", *(["uniform"] if mazes.GENERATORS[kind.name].uniform else [])]
    marks += [knobs] if (knobs := _knobs(kind.name)) else []
    body = [Html(drawing), figures.side_by_side(bars, *numbers)]
    return figures.card(kind.name, marks, [summary(kind.name), *body])


def _choice(value: object) -> str:
    """One choice of a scheme in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value).replace("_", " ")


def _promise(kind: Kind) -> str:
    knobs = settle(kind.name, kind.mazes.rows, kind.mazes.cols, {})
    promise = mazes.GENERATORS[kind.name].promise(**knobs)
    return "none" if promise == mazes.NEITHER else promise


def _knobs(name: str) -> str:
    return ", ".join(f"{knob} = {value}" for knob, value in mazes.GENERATORS[name].knobs.items())


def _mean(kind: Kind, measure: str) -> str:
    return f"{kind.measures[measure].value:.1f}{UNITS[measure][1]}"


def _interval(row: Row) -> str:
    return "in every maze" if np.isnan(row.low) else f"95% interval {row.low:.2f} to {row.high:.2f}"
