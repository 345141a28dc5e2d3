"""Does the model know the length of its prompts by heart, and which head does it know it with?

Every tree of a size has as many passages as any other, so a walker of trees reads prompts of one length, and may come
to rely on that without anyone noticing. A passage off the way is left out, or hidden; one is said twice, or in place of
another: what is told, how many words there are, and how far they are from the first word change one by one. Then the
first word is made to seem farther away to one head, from one section of the prompt; which ones is chosen on validation
mazes and tried on test mazes. Predictions: what is told of passages off the way matters, the number of words does not.
A first look at one network (rdfs-5x5-seed1) found otherwise, and one head that undid it; other networks are its test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from maze_interp import mazes, seeds, training
from maze_interp.behaviour import forced, shifts
from maze_interp.behaviour.shifts import Home, ShiftedSet
from maze_interp.experiments import prompt_length_asked as prompts
from maze_interp.experiments import prompt_length_page as page
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.experiments.prompt_length_asked import SECTIONS, Asked
from maze_interp.models import HookedTransformer, Site, access
from maze_interp.patching import distances
from maze_interp.patching.distances import Farther
from maze_interp.tables import Row, difference, mean, proportion
from maze_interp.tokens import PAD, TokenBatch, unusual

EVERYWHERE = "everywhere"
SHIFTED = ("branches_thinned", "one_wall_in_ten_opened")  # prompts of other lengths
SAID_AGAIN = (1, 3)  # passages
AROUND = (1, 2, 3, 4, 6, 8, 12, 16)  # tokens farther, and nearer
BATCH = 64
Solved = Bool[np.ndarray, " maze"]
Heads = Bool[np.ndarray, "layer head"]


@dataclass(frozen=True)
class Settings:
    """The run, at which of its checkpoints (-1: when finished), how many test mazes, and on how many validation mazes
    the head and the section are chosen."""

    run: str = ""
    step: int = -1
    mazes: int = 300
    validation: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Bench:
    """The model, its home, how many tokens an edge takes, and who is told of each reading."""

    model: HookedTransformer
    home: Home
    width: int
    told: Callable[[], None]

    def walks(self, asked: Asked, **otherwise: Any) -> Solved:
        """Which mazes the model would walk by their one shortest path if it read their prompts so."""
        read = distances.forced(self.model, asked.tokens, **otherwise)
        self.told()
        return self.right(asked, read.logits)

    def right(self, asked: Asked, logits: np.ndarray) -> Solved:
        """Which paths are written: every token of the true one is the likeliest where the others stand before it."""
        made = forced.predictions(logits, asked.tokens)
        return forced.every_token(made, asked.mazes, self.home.tokenizer)


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Mazes walked under each change, the head and section that a distance matters to, and what that head undoes.

    With learned positions no distance can be changed by itself, and no head is looked for; what the head does is looked
    at if it surely matters on test mazes. Raises a Refusal for a scheme in which a passage more or less changes more
    than the number of edges, and for a world without fitting mazes. `progress` counts readings, of which fewer are
    needed where no head matters. Raises ValueError for a step of which the run has no checkpoint.
    """
    trained = training.open_run(settings.run)
    home, seed = shifts.home_of(trained.recipe), seeds.derive(settings.seed, "prompt_length")
    prompts.check(home)
    model = trained.model(None if settings.step < 0 else settings.step)
    every = np.ones((model.cfg.n_layers, model.cfg.n_heads), bool)
    rotary = trained.recipe.model.positions == "rotary"
    width = unusual.edge_tokens(home.tokenizer.choices)
    around = sorted({sign * by for by in (0, width, *AROUND) for sign in (-1, 1)})
    located = 3 + 2 * (every.size + len(SECTIONS)) + len(around) + 4 * (1 + len(SHIFTED) + len(SAID_AGAIN)) + 4
    bench = Bench(model, home, width, counter(progress, 6 + located * rotary))
    plain, fewer = prompts.with_and_without(home, settings.mazes, width, seed)
    tried = prompts.answered(home, prompts.unseen(home, settings.validation, seed))
    walked = _told(bench, plain, fewer, seed)
    told = [proportion(page.WALKED, found, change=name) for name, found in walked.items()]
    if not rotary:
        return page.findings(told)
    at_home = bench.walks(tried)
    heads = [
        _lost(bench, tried, at_home, _only(every, layer, head), EVERYWHERE, layer=layer, head=head)
        for layer, head in np.argwhere(every).tolist()
    ]
    worst = max(heads, key=lambda row: row.value).what
    chosen = _only(every, worst["layer"], worst["head"])
    sections = [_lost(bench, tried, at_home, chosen, name, section=name) for name in SECTIONS]
    where = max(sections, key=lambda row: row.value).what["section"]
    asked = prompts.answered(home, plain)
    depends = _lost(bench, asked, walked[page.AS_IT_IS], chosen, where, **worst, section=where)
    if not depends.low > 0:
        return page.findings(told, page.Located(heads, sections, depends))
    does = page.Does(
        _around(bench, asked, chosen, where, around),
        _undone(bench, plain, fewer, chosen, where, seed),
        _fixed(bench, plain, fewer, tried, chosen, where),
        width,
    )
    return page.findings(told, page.Located(heads, sections, depends), does)


def _told(bench: Bench, plain: ShiftedSet, fewer: ShiftedSet, seed: int) -> dict[str, Solved]:
    """Which mazes are walked as they are, and under each change of the prompt."""
    twice, instead = (prompts.said_again(bench.home, made, 1, seed) for made in (plain, fewer))
    asked = prompts.answered(bench.home, plain)
    assert fewer.edge is not None
    hidden = unusual.tokens_of(bench.home.tokenizer, asked.tokens, fewer.edge)
    return {
        page.AS_IT_IS: bench.walks(asked),
        page.HIDDEN: bench.walks(asked, hidden=hidden),
        page.INSTEAD: bench.walks(prompts.answered(bench.home, instead)),
        page.LEFT_OUT: bench.walks(prompts.answered(bench.home, fewer)),
        page.TWICE: bench.walks(prompts.answered(bench.home, twice)),
        page.LATER: bench.walks(asked, moved=bench.width),
    }


def _lost(bench: Bench, asked: Asked, at_home: Solved, heads: Heads, where: str, **what: Any) -> Row:
    """The share of mazes lost where the first token seems an edge farther to these heads, or an edge nearer."""
    kept = [bench.walks(asked, farther=_farther(asked, by, heads, where)) for by in (bench.width, -bench.width)]
    return difference(page.LOST, at_home, kept[0] & kept[1], **what)


def _around(bench: Bench, asked: Asked, heads: Heads, where: str, around: list[int]) -> list[Row]:
    """Shares walked, and the share of the head's look that the first token gets, by how much farther that seems.

    It is that at the word of the section from which the head looks there most where nothing is changed.
    """
    (layer, head), word = np.argwhere(heads)[0], _words(asked.tokens, where)
    word[:, 0] = -1  # the first token sees itself alone
    walked, looks = {}, {}
    for by in around:
        read = distances.forced(bench.model, asked.tokens, farther=_farther(asked, by, heads, where))
        walked[by], looks[by] = bench.right(asked, read.logits), read.at_first[:, layer, head]
        bench.told()
    most = max(np.unique(word[word >= 0]), key=lambda each: looks[0][word == each].mean())
    return [
        row
        for by in around
        for row in (
            proportion(page.WALKED, walked[by], farther=by),
            mean(page.RESTS, looks[by][word == most].astype(np.float64), farther=by),
        )
    ]


def _undone(bench: Bench, plain: ShiftedSet, fewer: ShiftedSet, heads: Heads, where: str, seed: int) -> list[Row]:
    """Prompts of other lengths as they are, and with the first token as far as ever from the section where to the head.

    Beside it stand all other heads in its place, and the head with the first token an edge off. Nothing for the edges
    themselves, which are not all moved alike, and for sets whose section stands where it always does.
    """
    if where == "edges":
        return []
    home, usual = bench.home, prompts.begins(plain, where)
    sets = {page.LEFT_OUT: (fewer, usual)}
    sets |= {page.said_again(more): (prompts.said_again(home, plain, more, seed), usual) for more in SAID_AGAIN}
    if (usual == usual[0]).all():
        sets |= {name: (made, usual[:1]) for name in SHIFTED for made in prompts.shifted(home, name, len(plain), seed)}
    rows = []
    for name, (made, ever) in sets.items():
        by = ever - prompts.begins(made, where)
        fit = prompts.fits(home, made, 0) & (mazes.shortest_path_counts(made.mazes) == 1)
        if not fit.any() or not by[fit].any():
            continue
        asked, by = prompts.answered(home, made[fit]), by[fit]
        ways = {
            page.NOBODY: {},
            page.THE_HEAD: {"farther": _farther(asked, by, heads, where)},
            page.ALL_OTHERS: {"farther": _farther(asked, by, ~heads, where)},
            page.AN_EDGE_OFF: {"farther": _farther(asked, by + bench.width, heads, where)},
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
        asked = prompts.answered(bench.home, made)
        for writes, what in ((page.NOTHING, torch.zeros_like(usual)), (page.THE_USUAL, usual)):
            rows.append(proportion(page.WALKED, _writing(bench, asked, site, where, what), change=name, writes=writes))
            bench.told()
    return rows


def _usual(model: HookedTransformer, asked: Asked, site: Site, where: str) -> Tensor:
    """The mean [word, d_head] of what a head writes at each word of a section, over the mazes that have it."""
    word, parts = _words(asked.tokens, where), []
    for rows in _batches(asked):
        ids = torch.from_numpy(asked.tokens.ids[rows]).long()
        with torch.inference_mode():
            parts.append(access.run(model, ids, read=[site]).values[site].numpy())
    written = np.concatenate(parts)
    return torch.from_numpy(np.stack([written[word == each].mean(axis=0) for each in range(word.max() + 1)]))


def _writing(bench: Bench, asked: Asked, site: Site, where: str, what: Tensor) -> Solved:
    """Which mazes are walked if the head writes that, [word, d_head], at the words of the section."""
    word, logits = _words(asked.tokens, where), []
    for rows in _batches(asked):
        here = torch.from_numpy(word[rows] >= 0)[..., None]
        values = what[torch.from_numpy(np.clip(word[rows], 0, len(what) - 1))]
        ids = torch.from_numpy(asked.tokens.ids[rows]).long()
        with torch.inference_mode():
            logits.append(access.run(bench.model, ids, edits={site: partial(_instead, here, values)}).logits.numpy())
    return bench.right(asked, np.concatenate(logits))


def _instead(here: Tensor, values: Tensor, written: Tensor) -> Tensor:
    return torch.where(here, values, written)


def _batches(asked: Asked) -> list[np.ndarray]:
    return np.array_split(np.arange(len(asked.tokens)), -(-len(asked.tokens) // BATCH))


def _only(every: Heads, layer: int, head: int) -> Heads:
    one = np.zeros_like(every)
    one[layer, head] = True
    return one


def _section(tokens: TokenBatch, where: str) -> Bool[np.ndarray, "maze position"]:
    return tokens.part != PAD if where == EVERYWHERE else tokens.part == SECTIONS[where]


def _words(tokens: TokenBatch, where: str) -> Int[np.ndarray, "maze position"]:
    """Which word of the section each token is; -1 outside of it."""
    inside = _section(tokens, where)
    return np.where(inside, inside.cumsum(axis=1) - 1, -1)


def _farther(asked: Asked, by: int | np.ndarray, heads: Heads, where: str) -> Farther:
    """The first token `by` farther away to these heads where they look from that section."""
    inside = _section(asked.tokens, where)
    return Farther(np.broadcast_to(np.asarray(by, np.int64), len(inside)), heads, inside)
