"""The logit of each published task's answer, divided among the parts of the network.

Two comparisons say what an answer stands out from. Against all other tokens, a part that tells cells from delimiters
counts; against the other legal ones (the cells a passage leads to; at the opening of the path every cell), only one
that chooses does. Mazes whose answer is the only legal token are left out there. The control is the share of another
maze's answer on the same terms: where all mazes have one answer, there is none.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import attention, figures, seeds, tables
from maze_interp.behaviour import neighbours, tasks
from maze_interp.mazes import NO_CELL, MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row
from maze_interp.tokens import NOT_WRITTEN, TokenBatch, Tokenizer

LEGAL, ALL = "other legal tokens", "all other tokens"
SHARE, BEYOND = "share", "share - of another answer"
TOTAL = "all parts"
CHOOSING = "rand_path_token_nonend"  # the task of the published figures


def attribution_rows(model: HookedTransformer, mazes: MazeBatch, tokens: TokenBatch, *, seed: int) -> list[Row]:
    """The mean share of every part and layer in the logit difference of each task the scheme has an answer to.

    Conditions: task, part, and the tokens compared against; n counts mazes. Intervals are widened for the number of
    parts (Bonferroni), so that the largest may be picked.
    """
    choices = model.maze_tokenizer.choices
    names = tasks.TASKS if choices.path == "cells" and not choices.spelled else tasks.OF_NO_CELL
    where = {name: tasks.positions(name, tokens, seed=seed) for name in names}
    at = np.zeros(tokens.ids.shape, dtype=bool)
    for positions in where.values():
        asked = np.flatnonzero(positions != tasks.NO_POSITION)
        at[asked, positions[asked]] = True
    said, sample = attention.written(model, tokens, at), at.cumsum().reshape(at.shape) - 1
    rows = []
    for name, positions in where.items():
        asked = np.flatnonzero(positions != tasks.NO_POSITION)
        answers = tokens.ids[asked, positions[asked] + 1]
        mine = said.take(sample[asked, positions[asked]])
        terms = {
            LEGAL: _legal(mazes[asked], tokens[asked], positions[asked], model.maze_tokenizer),
            ALL: np.ones((len(asked), model.cfg.d_vocab), dtype=bool),
        }
        for against, others in terms.items():
            rows += _of_task(model, mine, answers, others, seed, {"task": name, "against": against})
    return rows


def largest(rows: list[Row]) -> list[str]:
    """Of the published task, or the last there is, the head and the MLP with the largest shares, on both terms."""
    held = [row.what["task"] for row in rows]
    task = CHOOSING if CHOOSING in held else held[-1]
    said = []
    for against in (LEGAL, ALL):
        mine = {
            (row.what["part"], row.measure): row
            for row in rows
            if (row.what["task"], row.what["against"]) == (task, against)
        }
        if not mine:
            continue
        parts = [row for (_, measure), row in mine.items() if measure == SHARE]
        heads, mlps = ([row for row in parts if kind in row.what["part"]] for kind in ("head", "MLP"))
        best, mlp = (max(kind, key=lambda row: row.value) for kind in (heads, mlps))
        beyond, control = mine.get((best.what["part"], BEYOND)), ""
        if beyond is not None:
            control = f"; beyond its share of another maze's answer {beyond:+.2f}"
        said.append(
            f"In {task} the answer's logit lies {mine[TOTAL, SHARE].value:.2f} above the mean of {against} ({best.n} "
            f"mazes). Of {len(heads)} heads, {best.what['part']} adds most, {best:+.2f}{control}. Of the "
            f"MLPs, {mlp.what['part']} adds most, {mlp:+.2f}. Intervals are widened for {len(parts)} parts."
        )
    return said


def shares_figure(rows: list[Row]) -> dict[str, figures.Figure | figures.Html]:
    """The shares as a heat map of tasks and parts, on either terms."""
    drawn: dict[str, figures.Figure | figures.Html] = {}
    for key, against in (("shares_of_choice", LEGAL), ("shares_of_answer", ALL)):
        mine = [row for row in rows if row.measure == SHARE and row.what["against"] == against]
        names = list(dict.fromkeys(row.what["task"] for row in mine))
        parts = [part for part in dict.fromkeys(row.what["part"] for row in mine) if part != TOTAL and ":" not in part]
        value = {(row.what["task"], row.what["part"]): row.value for row in mine}
        if not names:
            continue
        best = max(((task, part) for task in names for part in parts), key=value.__getitem__)
        drawn[key] = figures.heat_map(
            np.array([[value[task, part] for part in parts] for task in names]),
            names,
            parts,
            title=f"Against {against}, {best[1]} adds most, {value[best]:.1f} to {best[0]}",
            x="part of the network",
            y="task",
            value="share of the logit difference",
            centre=0.0,
        )
    return drawn


def _of_task(
    model: HookedTransformer,
    said: attention.Written,
    answers: Int[np.ndarray, " maze"],
    others: Bool[np.ndarray, "maze vocab"],
    seed: int,
    what: dict[str, str],
) -> list[Row]:
    """The rows of one task on one of the terms: parts, then layers, then their sum, each beside its control."""
    rng = seeds.generator(seed, "another answer")
    order = rng.permutation(len(answers))
    swapped = answers[np.roll(order, 1)[np.argsort(order)]]
    own, other = (_but(others, one) for one in (answers, swapped))
    counted = np.flatnonzero(own.any(axis=1))
    controlled = own[counted].any(axis=1) & other[counted].any(axis=1) & (swapped != answers)[counted]
    if not len(counted):
        return []
    shares = _shares(model, said.take(counted), answers[counted], own[counted])
    also = counted[controlled]
    control = _shares(model, said.take(also), swapped[also], other[also]) if len(also) else {}
    rows = _means(SHARE, shares, seed, what)
    if control:
        gaps = {part: values[controlled] - control[part] for part, values in shares.items()}
        rows += _means(BEYOND, gaps, seed, what)
    return rows


def _means(measure: str, values: dict[str, Float[np.ndarray, " maze"]], seed: int, what: dict[str, str]) -> list[Row]:
    """The mean of each part with its interval over mazes, widened for the number of parts."""
    every = np.stack(list(values.values()), axis=1)
    low, high = tables.bootstrap_means(every, seed=seed, level=1 - 0.05 / len(values))
    ends = zip(values, every.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Row(measure, mean, least, most, len(every), {**what, "part": part}) for part, mean, least, most in ends]


def _shares(
    model: HookedTransformer, said: attention.Written, answers: np.ndarray, others: np.ndarray
) -> dict[str, Float[np.ndarray, " maze"]]:
    shares = attention.attribute(model, said, answers, others)
    layers, by_layer = attention.by_layer(said.parts, shares)
    parts = {part.name: column for part, column in zip(said.parts, shares.T, strict=True)}
    whole = {f"layer {layer}: all": column for layer, column in zip(layers, by_layer.T, strict=True)}
    return {**parts, **whole, TOTAL: shares.sum(axis=1)}


def _but(others: Bool[np.ndarray, "maze vocab"], answers: Int[np.ndarray, " maze"]) -> Bool[np.ndarray, "maze vocab"]:
    """The others without the answers."""
    return others & (np.arange(others.shape[1]) != answers[:, None])


def _legal(
    mazes: MazeBatch, tokens: TokenBatch, positions: Int[np.ndarray, " maze"], tokenizer: Tokenizer
) -> Bool[np.ndarray, "maze vocab"]:
    """The tokens that may follow: at a cell those of its open neighbours, at <PATH_START> all cells, else none.

    Where moves are not one token each none is known.
    """
    legal = np.zeros((len(mazes), tokenizer.vocabulary.size), dtype=bool)
    if not (tokenizer.choices.path == "cells" and tokenizer.choices.one_token_a_move):
        return legal
    maze, inside = np.arange(len(mazes)), tokens.graded[np.arange(len(mazes)), positions]
    cell = np.where(inside, tokens.cell[maze, positions], NO_CELL)
    around = neighbours.connected(mazes.passages)[maze, cell]
    ids = tokenizer.way_ids(cell[:, None], around[:, None], mazes.rows, mazes.cols)[:, 0]
    at = np.flatnonzero(cell != NO_CELL)
    for way in ids[at].T:
        legal[at[way != NOT_WRITTEN], way[way != NOT_WRITTEN]] = True
    opening = np.flatnonzero(inside & (cell == NO_CELL))
    legal[np.ix_(opening, tokenizer.vocabulary.ids_on(mazes.rows, mazes.cols))] = True
    return legal
