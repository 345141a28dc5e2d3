"""Does the model know the length of its prompts by heart, and which head does it know it with?

Every tree of a size has as many passages as any other, so in training every prompt is as long as every other, and a
walker may come to rely on that without anyone noticing. Passages off the way are left out, hidden, said twice, or one
is said in place of another: what is told, how many words there are, and how far they are from the first word change one
by one. Then the first word is made to seem farther away to one head, from one section of the prompt; which ones is
chosen on validation mazes. Predictions: what is told of passages off the way matters, the number of words does not. A
first look at one network (rdfs-5x5-seed1) found otherwise, and one head that alone undid it; others are its test.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from maze_interp import mazes, recipes, seeds, training
from maze_interp.behaviour import forced, shifts
from maze_interp.behaviour.shifts import Home, ShiftedSet, control
from maze_interp.experiments import prompt_length_page as page
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer, Site, access
from maze_interp.patching import distances
from maze_interp.patching.distances import Farther
from maze_interp.tables import Row, mean, paired_difference, proportion
from maze_interp.tokens import EDGE, GOAL, PAD, PATH, START, TokenBatch, unusual

EVERYWHERE = "everywhere"
SECTIONS = {"edges": EDGE, "start": START, "goal": GOAL, "path": PATH}
SHIFTED = ("branch_cut_off", "branches_thinned", "one_wall_in_ten_opened")  # prompts of other lengths
SAID_AGAIN = (1, 3)  # passages
AROUND = (-16, -12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12, 16)  # tokens
Solved = Bool[np.ndarray, " maze"]
Heads = Bool[np.ndarray, "layer head"]


@dataclass(frozen=True)
class Settings:
    """The run, how many test mazes, and on how many validation mazes the head and the section are chosen."""

    run: str = ""
    mazes: int = 300
    validation: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Asked:
    """Whole sequences, and the mazes they are about."""

    mazes: MazeBatch
    tokens: TokenBatch

    def __getitem__(self, which: np.ndarray) -> "Asked":
        return Asked(self.mazes[which], self.tokens[which])


@dataclass(frozen=True)
class Bench:
    """The model, its home, how many tokens an edge takes, and who is told of each reading."""

    model: HookedTransformer
    home: Home
    width: int
    told: Callable[[], None]

    def walks(self, asked: Asked, **otherwise: Any) -> Solved:
        """Which mazes the model would walk by the one shortest path if it read their prompts so."""
        read = distances.forced(self.model, asked.tokens, **otherwise)
        self.told()
        return self.right(asked, read.logits)

    def right(self, asked: Asked, logits: np.ndarray) -> Solved:
        """Which paths are written: every token of the true one is the likeliest where the others stand before it."""
        made = forced.predictions(logits, asked.tokens)
        return forced.every_token(made, asked.mazes, self.home.tokenizer)


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Mazes walked under each change, the head and section that a distance matters to, and what that head undoes.

    With learned positions no distance can be changed by itself, and no head is looked for. Raises a Refusal for a model
    whose prompts list walls. `progress` counts readings.
    """
    trained = training.open_run(settings.run)
    model, home, seed = trained.model(), shifts.home_of(trained.recipe), seeds.derive(settings.seed, "prompt_length")
    if home.tokenizer.choices.edges != "passages":
        raise recipes.Refusal(f"the scheme {home.tokenizer.scheme!r} lists walls: to leave a passage out adds one")
    every = np.ones((model.cfg.n_layers, model.cfg.n_heads), bool)
    rotary = trained.recipe.model.positions == "rotary"
    located = 1 + 2 * (every.size + len(SECTIONS)) + 3 + len(AROUND) + 3 * (len(SHIFTED) + len(SAID_AGAIN)) + 4
    width = unusual.edge_tokens(home.tokenizer.choices)
    bench = Bench(model, home, width, _counter(progress, 6 + located * rotary))
    plain, fewer = _with_and_without(home, settings.mazes, width, seed)
    told = _told(bench, plain, fewer, seed)
    if not rotary:
        return page.findings(told)
    tried = _answered(home, _unseen(home, settings.validation, seed))
    at_home = bench.walks(tried)
    heads = [
        _lost(bench, tried, at_home, _only(every, layer, head), EVERYWHERE, layer=layer, head=head)
        for layer, head in np.argwhere(every).tolist()
    ]
    worst = max(heads, key=lambda row: row.value).what
    chosen = _only(every, worst["layer"], worst["head"])
    sections = [_lost(bench, tried, at_home, chosen, name, section=name) for name in SECTIONS]
    where = max(sections, key=lambda row: row.value).what["section"]
    asked = _answered(home, plain)
    depends = _lost(bench, asked, bench.walks(asked), chosen, where, **worst, section=where)
    around = _around(bench, asked, chosen, where)
    undone = _undone(bench, plain, chosen, where, seed)
    return page.findings(
        told, heads, sections, depends, around, undone, _fixed(bench, plain, fewer, tried, chosen, where)
    )


def _told(bench: Bench, plain: ShiftedSet, fewer: ShiftedSet, seed: int) -> list[Row]:
    """Shares walked where a passage off the way is left out, hidden, said twice or in place of another."""
    again = np.ones(len(plain), np.int64)
    twice, instead = (
        replace(made, prompts=control.lengthened(bench.home.tokenizer, made.prompts, again, seed=seed))
        for made in (plain, fewer)
    )
    asked = _answered(bench.home, plain)
    assert fewer.edge is not None
    hidden = unusual.tokens_of(bench.home.tokenizer, asked.tokens, fewer.edge)
    walked = {
        page.AS_IT_IS: bench.walks(asked),
        page.HIDDEN: bench.walks(asked, hidden=hidden),
        page.INSTEAD: bench.walks(_answered(bench.home, instead)),
        page.LEFT_OUT: bench.walks(_answered(bench.home, fewer)),
        page.TWICE: bench.walks(_answered(bench.home, twice)),
        page.LATER: bench.walks(asked, moved=bench.width),
    }
    return [proportion(page.WALKED, found, change=name) for name, found in walked.items()]


def _lost(bench: Bench, asked: Asked, at_home: Solved, heads: Heads, where: str, **what: Any) -> Row:
    """The share of mazes lost where the first token seems an edge farther to these heads; the mean with: nearer."""
    by = (bench.width, -bench.width)
    walked = [bench.walks(asked, farther=_farther(asked.tokens, each, heads, where)) for each in by]
    return paired_difference(page.LOST, at_home, np.mean(walked, axis=0), **what)


def _around(bench: Bench, asked: Asked, heads: Heads, where: str) -> list[Row]:
    """Shares walked, and the most of the head's look that the first token gets, by how much farther that seems."""
    (layer, head), inside, rows = np.argwhere(heads)[0], _section(asked.tokens, where), []
    for by in AROUND:
        read = distances.forced(bench.model, asked.tokens, farther=_farther(asked.tokens, by, heads, where))
        bench.told()
        look = np.where(inside, read.at_first[:, layer, head], 0.0).max(axis=1)
        rows += [
            proportion(page.WALKED, bench.right(asked, read.logits), farther=by),
            mean(page.RESTS, look.astype(np.float64), farther=by),
        ]
    return rows


def _undone(bench: Bench, plain: ShiftedSet, heads: Heads, where: str, seed: int) -> list[Row]:
    """Prompts of other lengths as they are, and where the first token seems as far as ever to the head, or others."""
    home, usual = bench.home, int(np.median(plain.prompts.length))
    sets = {name: shifts.shifted(name, home, len(plain), seed=seed) for name in SHIFTED}
    for more in SAID_AGAIN:
        prompts = control.lengthened(home.tokenizer, plain.prompts, np.full(len(plain), more), seed=seed)
        sets[page.said_again(more)] = replace(plain, prompts=prompts)
    rows = []
    for name, made in sets.items():
        fit = _room(home, made, 0) & (mazes.shortest_path_counts(made.mazes) == 1)
        asked, by = _answered(home, made[fit]), usual - made[fit].prompts.length
        ways = {
            page.NOBODY: {},
            page.THE_HEAD: {"farther": _farther(asked.tokens, by, heads, where)},
            page.ALL_OTHERS: {"farther": _farther(asked.tokens, by, ~heads, EVERYWHERE)},
        }
        rows += [
            proportion(page.WALKED, bench.walks(asked, **how), shift=name, as_ever_to=to) for to, how in ways.items()
        ]
    return rows


def _fixed(bench: Bench, plain: ShiftedSet, fewer: ShiftedSet, tried: Asked, heads: Heads, where: str) -> list[Row]:
    """Shares walked where the head writes nothing there, or what it writes on average at that word of the section."""
    layer, head = np.argwhere(heads)[0].tolist()
    site = Site("z", layer, head)
    usual = _usual(bench.model, tried, site, where)
    rows = []
    for name, made in ((page.AS_IT_IS, plain), (page.LEFT_OUT, fewer)):
        asked = _answered(bench.home, made)
        word = _words(asked.tokens, where)
        inside, which = word >= 0, np.clip(word, 0, len(usual) - 1)
        for writes, what in ((page.NOTHING, torch.zeros_like(usual)), (page.THE_USUAL, usual)):
            values, here = what[torch.from_numpy(which)], torch.from_numpy(inside)[..., None]
            logits = _run(bench.model, asked, edits={site: partial(_instead, here, values)}).logits
            bench.told()
            rows.append(proportion(page.WALKED, bench.right(asked, logits.numpy()), change=name, writes=writes))
    return rows


def _usual(model: HookedTransformer, asked: Asked, site: Site, where: str) -> Tensor:
    """The mean [word, d_head] of what a head writes at each word of a section, over the mazes that have it."""
    values, word = _run(model, asked, read=[site]).values[site].numpy(), _words(asked.tokens, where)
    return torch.from_numpy(np.stack([values[word == each].mean(axis=0) for each in range(word.max() + 1)]))


def _words(tokens: TokenBatch, where: str) -> Int[np.ndarray, "maze position"]:
    """Which word of the section each token is; -1 outside of it."""
    inside = _section(tokens, where)
    return np.where(inside, inside.cumsum(axis=1) - 1, -1)


def _instead(here: Tensor, values: Tensor, z: Tensor) -> Tensor:
    return torch.where(here, values, z)


def _run(model: HookedTransformer, asked: Asked, **how: Any) -> access.Reading:
    with torch.inference_mode():
        return access.run(model, torch.from_numpy(asked.tokens.ids).long(), **how)


def _with_and_without(home: Home, count: int, width: int, seed: int) -> tuple[ShiftedSet, ShiftedSet]:
    """Test mazes with one way to the goal and a passage off it, and the same with such a passage left out."""
    plain, fewer = shifts.unshifted(home, count, seed=seed), shifts.shifted("branch_cut_off", home, count, seed=seed)
    plain = plain[mazes.edge_count(plain.mazes.passages) >= plain.solutions.length]
    room = _room(home, plain, width) & (mazes.shortest_path_counts(plain.mazes) == 1)
    return plain[room], fewer[room]


def _unseen(home: Home, count: int, seed: int) -> ShiftedSet:
    """Validation mazes with one way to the goal."""
    drawn = mazes.take(home.world, count, seed=seed, split=mazes.VALIDATION)[0]
    made = shifts.ShiftedSet(drawn, home.tokenizer.encode_prompts(drawn, seed=seed), mazes.solve(drawn, seed=seed))
    return made[_room(home, made, 0) & (mazes.shortest_path_counts(drawn) == 1)]


def _answered(home: Home, made: ShiftedSet) -> Asked:
    """Prompts with their paths, which may be the paths of mazes whose prompts said more."""
    whole = home.tokenizer.encode(made.mazes, made.solutions, seed=0)
    return Asked(made.mazes, unusual.answered(made.prompts, whole))


def _room(home: Home, made: ShiftedSet, spare: int) -> Bool[np.ndarray, " maze"]:
    """Which sequences fit the context with so many tokens to spare."""
    return _answered(home, made).tokens.length + spare <= home.context


def _only(every: Heads, layer: int, head: int) -> Heads:
    one = np.zeros_like(every)
    one[layer, head] = True
    return one


def _section(tokens: TokenBatch, where: str) -> Bool[np.ndarray, "maze position"]:
    return tokens.part != PAD if where == EVERYWHERE else tokens.part == SECTIONS[where]


def _farther(tokens: TokenBatch, by: int | np.ndarray, heads: Heads, where: str) -> Farther:
    return Farther(np.broadcast_to(np.asarray(by, np.int64), len(tokens)), heads, _section(tokens, where))


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    done = iter(range(1, total + 1))
    return lambda: None if progress is None else progress(next(done), total)
