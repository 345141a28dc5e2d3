"""How hard does each part steer the future: optimisation and impact of every head, MLP and stream at a fork.

What a part computed on one maze is put into the run on another (split histories), or small changes of the prompt are
followed through it (derivatives): how much of what happened upstream does the part keep from the future (Op > 0) or
pass on, amplified (Op < 0), and how far does it change it (Imp)? Beside the trained model stand the network before
training and one whose weights are shuffled within each matrix. Then it is asked what that is good for.

Predictions, made before anything was measured. Imp ranks parts as patching them in pairs of other mazes does (rank
correlation above one half, and beyond what their length tells); Op does so less. Both readings agree in Imp. Op is
concentrated in adjacency and goal heads. At the decision, heads sum up to less than their layer's attention. The size
of Op rises together with exact paths. It is larger at forks than in corridors. Op ranks walkers as their success does.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from maze_interp import attention, mazes, optimisation, seeds, training
from maze_interp.experiments import locate_page as page
from maze_interp.experiments import locate_relations as relations
from maze_interp.experiments import locate_strata, locate_training
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.locate_effects import Effects, effects
from maze_interp.experiments.locate_ranks import means
from maze_interp.experiments.locate_readings import (
    PASTS,
    Column,
    Reading,
    columns_of,
    edge_positions,
    sizes,
    small_changes,
    split,
)
from maze_interp.experiments.locate_solvers import solvers
from maze_interp.experiments.locate_walks import walks
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer, fused, reruns
from maze_interp.optimisation import Population
from maze_interp.optimisation.populations import LEAST

DRAWN = 50  # test mazes a maze of the population: few share a fork
NAMES = ("adjacency", "goal")
FUTURE = "legal"
STAGES = 11


@dataclass(frozen=True)
class Settings:
    """The run; how many mazes exchange activations, of which population, and how what follows is coded.

    `small` mazes are read by derivatives, `pairs` of each kind patched, `walkers` mazes walked by solvers, whose future
    is their distance from the goal after `steps` steps.
    """

    run: str = ""
    mazes: int = 64
    population: str = "any_fork"
    coding: str = "verdict"
    small: int = 24
    pairs: int = 60
    walkers: int = 200
    steps: int = 3
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Optimisation and impact, and what goes with them. `progress` counts thousandths of eleven stages."""
    trained = training.open_run(settings.run)
    model, untrained, seed = trained.model(), trained.model(0), seeds.derive(settings.seed, "locate_optimisation")
    held_out = held_out_mazes(trained, DRAWN * max(settings.mazes, settings.walkers // 4), seed=seed)
    mine, others = dealt(held_out)
    some, alike = (
        optimisation.population(kind, mine, model.maze_tokenizer, count=count, seed=seed)
        for kind, count in ((settings.population, settings.mazes), ("same_fork", settings.walkers))
    )
    told = [_stage(progress, stage) for stage in range(STAGES)]
    columns, few = columns_of(model, some), some[: max(LEAST, len(some) // 2)]
    beside = {"untrained": untrained, "shuffled weights": shuffled(model, seed=seed)}
    split_by = {
        name: split(one, few if name in beside else some, settings.coding, columns, tell)
        for (name, one), tell in zip({"trained": model, **beside}.items(), told[:3], strict=True)
    }
    whole, asked = split_by["trained"], some[: settings.small]
    small, bare = _small(model, beside, asked, columns, seed, told[3:6])
    moved = effects(model, others, columns, count=settings.pairs, seed=seed, progress=told[6])
    scored = attention.score_heads(model, others[:100], mazes.solve(others[:100], seed=seed), seed=seed)
    read, values = locate_training.courses(trained, few, settings.coding, seed=seed, progress=told[7])
    changes, verdicts = locate_training.order(read, values, seed=seed)
    strata = locate_strata.strata(model, mine, count=settings.mazes, seed=seed, progress=told[8])
    bare_strata = locate_strata.strata(untrained, mine, count=settings.small, seed=seed)
    walked, ranked = solvers(model, untrained, alike, steps=settings.steps, seed=seed)
    told[9](1, 1)
    ended = walks(model, asked, whole, settings.coding, seed=seed, progress=told[10])
    top = strongest(whole)
    return page.findings(
        tables={
            "columns": [row for name, one in split_by.items() for row in relations.rows_of(one, name)],
            "small_changes": [row for past, one in small.items() for row in relations.medians_of(one, past)],
            "small_changes_controls": [
                row for name, one in bare.items() for row in relations.medians_of(one, f"prompt, {name}")
            ],
            "predicts": predicts(whole, small["prompt"], moved, model, some, seed=seed),
            "readings": [
                row for past, one in small.items() for row in relations.agreement(whole, one, past, seed=seed)
            ],
            "named_heads": [relations.named_heads(whole, attention.head_names(scored), NAMES, seed=seed)],
            "interactions": [*relations.interactions(whole), *layers(model, asked, seed=seed)],
            "training": changes,
            "strata": strata,
            "strata_untrained": bare_strata,
            "walkers": [*walked, ranked],
            "codings": codings(model, some, columns),
            "walks": ended,
        },
        figures=page.figures_of(whole, moved, (read, values), drawn_edges(model, some, top)),
        verdicts=verdicts,
        apart=relations.disagreements(whole, small["prompt"]),
        settings=settings,
        count=len(some),
    )


def _small(
    model: HookedTransformer,
    beside: Mapping[str, HookedTransformer],
    asked: Population,
    columns: Sequence[Column],
    seed: int,
    told: Sequence[Progress],
) -> tuple[dict[str, Reading], dict[str, Reading]]:
    """Small changes by what they are changes of; and of the whole prompt in the other networks, in half the mazes."""
    small = {
        past: small_changes(model, asked, columns, past=past, future=FUTURE, seed=seed, progress=tell)
        for past, tell in zip(PASTS, told, strict=True)
    }
    half = asked[: len(asked) // 2]
    return small, {
        name: small_changes(other, half, columns, past="prompt", future=FUTURE, seed=seed)
        for name, other in beside.items()
    }


def dealt(held_out: MazeBatch) -> tuple[MazeBatch, MazeBatch]:
    """Two halves that share no maze."""
    _, which = np.unique(mazes.passage_hash(held_out.passages), return_inverse=True)
    return held_out[which % 2 == 0], held_out[which % 2 == 1]


def shuffled(model: HookedTransformer, *, seed: int) -> HookedTransformer:
    """A copy whose matrices have their entries permuted, each matrix its own."""
    other, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in other.parameters():
            if weight.ndim > 1:
                weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    return other


def predicts(
    whole: Reading, small: Reading, moved: Effects | None, model: HookedTransformer, some: Population, *, seed: int
) -> list[page.Row]:
    """The relations to effects of patches; none where no pairs could be made."""
    if moved is None or moved.line.sum() == 0:
        return []
    return relations.predicted(whole, small, moved, sizes(model, some, whole.columns), seed=seed)


def strongest(whole: Reading) -> Column:
    """The head or MLP with the largest Op at the decision, whichever its sign."""
    parts = whole.where(lambda column: column.kind in relations.PARTS and column.place == "here")
    return parts.columns[int(np.nanargmax(np.abs(means(parts.op))))]


def layers(model: HookedTransformer, asked: Population, *, seed: int) -> list[page.Row]:
    """By small changes, of each layer at the decision: Op of all it writes less that of its attention and its MLP."""
    kinds = ("attn_out", "mlp_out", "layer_out")
    columns = [Column(kind, layer, None, "here") for layer in range(model.cfg.n_layers) for kind in kinds]
    found = small_changes(model, asked, columns, past="prompt", future="verdict", seed=seed)
    op = found.op.reshape(model.cfg.n_layers, len(kinds), -1)
    rows = []
    for layer, (heads, mlp, both) in enumerate(op):
        with np.errstate(invalid="ignore"):
            lost = both - heads - mlp
        finite = lost[np.isfinite(lost)]
        what = {"op of attention": _median(heads), "op of its MLP": _median(mlp), "op of all": _median(both)}
        rows.append(page.tables.mean("lost to interaction, small changes", finite, seed=seed, layer=layer, **what))
    return rows


def _median(values: Float[np.ndarray, " maze"]) -> float:
    return round(float(relations.middle(values[None])[0]), 4)


def codings(model: HookedTransformer, some: Population, columns: list[Column]) -> list[page.Row]:
    """The stream at the very end, through which the whole choice passes, in both codings, beside the entropy."""
    w, kept = optimisation.recorded(model, some)
    end = columns[-1]
    rows = []
    for coding in optimisation.CODINGS:
        out = optimisation.exchanged(w, kept, some, end.site, some.places["here"], coding=coding)
        known = optimisation.split_history(out)
        rows += [known.row(name, coding=coding, part=end.name) for name in ("op", "entropy_factual", "entropy_split")]
    return rows


def drawn_edges(
    model: HookedTransformer, some: Population, top: Column
) -> tuple[MazeBatch, np.ndarray, np.ndarray, Column]:
    """(mazes, edges, Op of the strongest part with the two tokens of each edge as the past, the part) of one maze."""
    w = fused.weights(model)
    at = some.places["here"][0]
    with torch.no_grad():
        kept = reruns.record(w, torch.from_numpy(some.tokens.ids[:1]).long(), torch.tensor([at]))
    ids = some.tokens.ids[0, list(some.places["edge list"])].reshape(-1, 4)[:, [0, 2]]
    cells = some.tokens.cell[0, list(some.places["edge list"])].reshape(-1, 4)[:, [0, 2]]
    asked, found = optimisation.future("verdict", some.ways(0)), []
    for edge in ids.tolist():
        past = edge_positions(some, 0, tuple(edge))
        found.append(float(optimisation.products(w, kept, past, asked, [(top.site, [at])]).differential().op[0]))
    return some.mazes[:1], cells, np.array(found), top


def _stage(progress: Progress | None, stage: int) -> Callable[[int, int], None]:
    """Progress of one of the stages, each of which counts as a thousand."""
    if progress is None:
        return lambda done, total: None
    return lambda done, total: progress(1000 * stage + 1000 * done // total, 1000 * STAGES)
