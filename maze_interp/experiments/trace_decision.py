"""Where does the choice at a fork come from: which positions and heads carry it, layer by layer?

One passage (or the goal) is moved, some way from the fork, so that another step becomes right. Then, by the meaning of
positions and head by head, what the network computed of the one maze is put into its run on the other: where that
brings the choice back, the choice was carried. Each pair stands beside its control, an edit of the same maze, as far
from the same fork, that leaves the right step what it was and, for passages, changes the way to the goal from about as
many cells. That before the first layer all of the choice is where the prompts differ, and after the last at the token
of the fork, holds by construction and is a check. Predictions: the choice passes through the `;` of the changed edge,
at which heads of the first layer join its cells (made before anything was measured), and it is at the token of the fork
before the last layer begins (made after a first look at one model). Made after that look, and before the parts were
measured: the farther the change, the later its choice is at the token of the fork; gradients along the line between the
two runs rank heads better than gradients at one end; and the fork's token looks the choice up at the words between the
sections rather than in the list of edges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from maze_interp import mazes, patching, seeds, training
from maze_interp.experiments import trace_decision_page as page
from maze_interp.experiments import trace_decision_parts as parts
from maze_interp.experiments import trace_decision_parts_page as parts_page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure
from maze_interp.models import HookedTransformer
from maze_interp.patching import MEANINGS, PromptPairs, Sweep
from maze_interp.tables import Row

DIFFERENCE, PREFERS = "logit_difference", "chooses_right"
KINDS = ("resid_pre", "resid_post", "attn_out", "mlp_out", "z")
CHANGES = ("passage", "goal")
PARTS = ("edges", "estimates", "ablations", "cuts", "turned")
STAGES = 2 * len(KINDS) + len(PARTS)


@dataclass(frozen=True)
class Settings:
    """The run; how many test mazes forks are looked for in, how many pairs are patched, and what changes in them.

    `change` is "passage" or "goal"; `nearest` the least distance of the change from the fork, in steps. `steps` are the
    points of integrated gradients, `ablated` the pairs that ablation, knock-out and rollouts are asked of; 0 leaves
    either out.
    """

    run: str = ""
    mazes: int = 400
    pairs: int = 200
    change: str = "passage"
    nearest: int = 2
    direction: str = "denoise"
    steps: int = 8
    ablated: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Side:
    """Pairs with their sweeps by kind of site."""

    pairs: PromptPairs
    sweeps: dict[str, Sweep]


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """What is recovered by patching each meaning of position at each layer, and each head. Counts patched sites."""
    if settings.change not in CHANGES:
        raise ValueError(f"what changes is the passage or the goal, not {settings.change!r}")
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "trace_decision")
    asked = held_out_mazes(trained, settings.mazes, seed=seed)
    forks = mazes.decisions(asked, mazes.solve(asked, seed=seed))
    move = mazes.move_passage if settings.change == "passage" else mazes.move_goal
    every = move(asked, forks, seed=seed, nearest=settings.nearest)
    chosen = seeds.generator(seed, "pairs").permutation(len(every))[: settings.pairs]
    edits = every[np.sort(chosen)]
    pairs = _by_passages(patching.prompts(f"moved {settings.change}", edits, model.maze_tokenizer, seed=seed))
    alike = "new_distances" if settings.change == "passage" else ""
    beside, of = patching.controls(edits, model.maze_tokenizer, seed=seed, kind="keep", alike=alike)
    edit = _swept(model, pairs, settings.direction, progress, turn=0)
    null = _swept(model, beside, settings.direction, progress, turn=1)
    found = _with_parts(findings(edit, null, of, settings), model, edit, settings, seed, progress)
    if progress is not None:
        progress(1000 * STAGES, 1000 * STAGES)
    return found


def _by_passages(pairs: PromptPairs) -> PromptPairs:
    """Pairs of equal mazes under one name: small lattices are drawn more than once, which is no new evidence."""
    return replace(pairs, maze=np.unique(mazes.passage_hash(pairs.mazes.passages), return_inverse=True)[1])


def _swept(
    model: HookedTransformer, pairs: PromptPairs, direction: str, progress: Progress | None = None, *, turn: int = 0
) -> Side:
    sweeps = {}
    for done, kind in enumerate(KINDS):
        told = parts.part_of(progress, turn * len(KINDS) + done, STAGES)
        layers = [model.cfg.n_layers - 1] if kind == "resid_post" else None
        places, asked = patching.by_meaning(pairs), (DIFFERENCE, PREFERS)
        sweeps[kind] = patching.sweep(
            model, pairs, kind, places, layers=layers, effects=asked, direction=direction, progress=told
        )
    return Side(pairs, sweeps)


def findings(edit: Side, null: Side, of: Int[np.ndarray, " control"], settings: Settings) -> Findings:
    """Shares, verdicts and pictures of two sides; `of` says which edit each control belongs to."""
    rows = [row for kind in KINDS for row in shares(kind, edit, null, of)]
    begin, end = (getattr(edit.sweeps["resid_pre"], which) for which in ("begin", "end"))
    clean, corrupted = (end, begin) if settings.direction == "denoise" else (begin, end)
    line = float((end[DIFFERENCE] - begin[DIFFERENCE]).mean())
    turned = (clean[PREFERS] > 0) & (corrupted[PREFERS] == 0)
    numbers = {
        "pairs": float(len(edit.pairs)),
        "mazes": float(len(np.unique(edit.pairs.maze))),
        "controls": float(len(of)),
        "prefers_right_in_clean": float(clean[PREFERS].mean()),
        "turns_with_the_change": float(turned.mean()),
        "moves_by_nats": abs(line),
        "patches_that_changed_nothing": float(sum(sweep.idle.sum() for sweep in edit.sweeps.values())),
    }
    return Findings(
        heading="Where the choice at a fork comes from",
        sentences=page.sentences(rows, numbers, settings.change, settings.nearest),
        tables={"shares": rows},
        figures=page.maps(rows),
        numbers=numbers | {page.name(row): row.value for row in rows if row.what["site"].startswith("resid")},
    )


def _with_parts(
    found: Findings, model: HookedTransformer, edit: Side, settings: Settings, seed: int, progress: Progress | None
) -> Findings:
    """The findings with what the other ways to ask say; as they are where there is nothing to trace."""
    pairs, direction = edit.pairs, settings.direction
    if not found.tables["shares"]:
        return found
    tell = {name: parts.part_of(progress, 2 * len(KINDS) + done, STAGES) for done, name in enumerate(PARTS)}
    distance = parts.by_distance(edit.sweeps["resid_pre"], pairs)
    added = {"by_distance": distance}
    sentences = parts_page.about_distance(distance)
    heads: dict[str, np.ndarray] = {}
    drawn: dict[str, Figure] = {}
    if model.cfg.n_layers > 1:
        drawn = parts_page.edge_maps(parts.edges(model, pairs, direction, tell["edges"]), pairs)
    if settings.steps:
        added["estimates"], heads = parts.estimates(
            model, edit.sweeps, pairs, direction, steps=settings.steps, progress=tell["estimates"]
        )
        sentences += parts_page.about_estimates(added["estimates"])
    some = pairs[np.unique(np.linspace(0, len(pairs) - 1, settings.ablated).astype(int))]
    if settings.ablated and len(np.unique(some.maze)) > 1:
        said, asked = _ablated(model, some, direction, seed, tell)
        sentences, added = sentences + said, added | asked
    losses, sights, paths = (added.get(name, []) for name in ("ablated", "cut", "turned"))
    drawn |= parts_page.pictures(losses, sights, paths, heads, model.cfg.n_layers)
    return replace(
        found,
        sentences=[*found.sentences, *sentences],
        tables={**found.tables, **added},
        figures={**found.figures, **drawn},
        numbers={**found.numbers, **{parts_page.name(row): row.value for row in added.get("estimates", [])}},
    )


def _ablated(
    model: HookedTransformer, pairs: PromptPairs, direction: str, seed: int, tell: Mapping[str, Progress | None]
) -> tuple[list[str], dict[str, list[Row]]]:
    """What is lost without each part and each sight, and whether paths turn: in words, and as tables."""
    losses = parts.ablations(model, pairs, seed=seed, progress=tell["ablations"])
    sights = parts.cuts(model, pairs, seed=seed, progress=tell["cuts"])
    paths = parts.turned(model, pairs, direction, seed=seed, progress=tell["turned"])
    said = parts_page.about_losses(losses) + parts_page.about_cuts(sights) + parts_page.about_paths(paths)
    return said, {"ablated": losses, "cut": sights, "turned": paths}


def shares(kind: str, edit: Side, null: Side, of: Int[np.ndarray, " control"]) -> list[Row]:
    """Three rows for each site and meaning that occurs: recovered by edits, moved in controls, and the difference.

    All are in units of the mean change of the logit difference between the two runs of the edits. The first is over all
    edits with its 95% interval; the other two over those with a control, with intervals widened for the number of sites
    of the kind and meanings. There are none where the two runs of the edits may not differ at all.
    """
    sweep, beside = edit.sweeps[kind], null.sweeps[kind]
    line = sweep.end[DIFFERENCE] - sweep.begin[DIFFERENCE]
    change, moved = (_changes(one) for one in (sweep, beside))
    has = np.stack([(edit.pairs.meaning == index).any(axis=1) for index in range(len(MEANINGS))])
    occurs = np.tile(has.any(axis=1), len(sweep.sites))
    widened = 1 - 0.05 / max(int(occurs.sum()), 1)
    maze, matched = edit.pairs.maze, edit.pairs.maze[of]
    measured = {
        "recovered": patching.shares(change, line, maze),
        "control": patching.shares(moved, line[of], matched, level=widened),
        "beyond control": patching.shares(change[of] - moved, line[of], matched, level=widened),
    }
    rows = []
    for column in np.flatnonzero(occurs):
        site, meaning = sweep.sites[column // len(MEANINGS)], column % len(MEANINGS)
        what = {"site": kind, "layer": site.layer, "meaning": MEANINGS[meaning], "pairs": int(has[meaning].sum())}
        what |= {} if site.head is None else {"head": site.head}
        for measure, found in measured.items():
            value, low, high = found[column].tolist()
            if not np.isnan(value):
                count = len(np.unique(maze if measure == "recovered" else matched))
                rows.append(Row(measure, value, low, high, count, what))
    return rows


def _changes(sweep: Sweep) -> Float[np.ndarray, "pair column"]:
    """What each patch did to the logit difference, a column for each site and meaning."""
    begin = sweep.begin[DIFFERENCE]
    return (sweep.values[DIFFERENCE].reshape(-1, len(begin)) - begin).T
