"""Which wires between the network's parts carry the choice at a fork, and how few of them are enough?

A passage (or the goal) is moved so that another step is right. Every wire, from what one part writes to what another
reads, is scored on half of the mazes; a circuit is searched there that keeps most of the effect while all other wires
carry what they would in the other maze; how much it keeps is then told on the other half. The search is greedy, so its
size is an upper bound: that few wires are enough can be shown so, never that they are not. Beside it stand random
circuits of the same size, and the circuit with every head's part given to another head of its layer. Mazes with the
same passages count as one, on one side. Predictions, made after a first look at one model: fewer than half of all
wires are enough; on mazes it was not chosen on the circuit keeps no less than a tenth below what was asked; random
circuits of its size keep less than a tenth; with other heads it keeps less than half of what it keeps.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import mazes, patching, seeds, training
from maze_interp.experiments import find_circuit_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.models import HookedTransformer
from maze_interp.patching import EdgeScores, PromptPairs, circuit
from maze_interp.patching.circuit import Bench, Table
from maze_interp.tables import Row

CHANGES = {"passage": mazes.move_passage, "goal": mazes.move_goal}
SIZES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0, 1.5, 2.0, 3.0)  # of the curve, as multiples of the circuit's
SCORED, SEARCHED = 200, 700  # thousandths of the work
TESTED = 12  # mazes on which scores are held against true effects


@dataclass(frozen=True)
class Settings:
    """The run; in how many test mazes forks are looked for, how many pairs are used, and what changes in them.

    `change` is "passage" or "goal"; `nearest` the least distance of the change from the fork, in steps; `keep` the
    share of the effect that the circuit must keep; `draws` the number of random circuits of each size.
    """

    run: str = ""
    mazes: int = 400
    pairs: int = 240
    change: str = "passage"
    nearest: int = 2
    keep: float = 0.9
    draws: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Half:
    """The pairs of half of the mazes, the scores of their wires, and what circuits need to be tried on them."""

    pairs: PromptPairs
    scores: Float[np.ndarray, "pair receiver sender"]
    on: Bench

    def kept(self, table: Table) -> tuple[float, float, float]:
        """The share of the effect that a circuit keeps, with its 95% interval over mazes."""
        found = patching.shares(circuit.kept(self.on, table)[:, None], self.on.end - self.on.begin, self.pairs.maze)
        value, low, high = found[0].tolist()
        return value, low, high


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The circuit, its curve and its controls. `progress` counts thousandths of the work, about."""
    if settings.change not in CHANGES:
        raise ValueError(f"what changes is the passage or the goal, not {settings.change!r}")
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "find_circuit")
    asked = held_out_mazes(trained, settings.mazes, seed=seed)
    forks = mazes.decisions(asked, mazes.solve(asked, seed=seed))
    every = CHANGES[settings.change](asked, forks, seed=seed, nearest=settings.nearest)
    every = every[np.sort(seeds.generator(seed, "pairs").permutation(len(every))[: settings.pairs])]
    pairs = by_passages(patching.prompts(f"moved {settings.change}", every, model.maze_tokenizer, seed=seed))
    count = len(np.unique(pairs.maze))
    if count < 4:
        raise ValueError(f"{len(pairs)} pairs of {count} different mazes are too few to choose a circuit on half")
    return findings(model, pairs, settings, seed, progress)


def findings(
    model: HookedTransformer, pairs: PromptPairs, settings: Settings, seed: int, progress: Progress | None = None
) -> Findings:
    """What is found in these pairs."""
    tell = progress or (lambda done, total: None)
    scores = patching.edge_scores(model, pairs, progress=lambda done, total: tell(SCORED * done // total, 1000))
    first = halves(pairs, seed)
    chosen, told = (
        Half(pairs[half], scores.values[half], circuit.bench(model, pairs[half])) for half in (first, ~first)
    )
    trials: list[int] = []

    def tried() -> None:
        trials.append(1)
        tell(SCORED + round((SEARCHED - SCORED) * (1 - math.exp(-len(trials) / 200))), 1000)

    found = circuit.search(chosen.on, chosen.scores.mean(axis=0), keep=settings.keep, tried=tried)
    curve = _curve(chosen, told, found, settings, seed, tell)
    kept = []
    for name, one in (("chosen on", chosen), ("others", told)):
        what = {"mazes": name, "circuit": "found", "wires": int(found.sum())}
        kept.append(Row("kept", *one.kept(found), len(np.unique(one.pairs.maze)), what))
    agreement = _agreement(model, told)
    numbers = {
        "circuit": float(found.sum()),
        "circuits_tried": float(len(trials)),
        "kept_on_its_mazes": kept[0].value,
        "rank_correlation_with_true_effects": agreement.value,
        **_numbers(pairs, scores, told, circuit.kept(told.on, found)),
    }
    moved = f"a {settings.change} was moved, {settings.nearest} steps or more"
    rows, wires, mean = [*kept, *_controls(told, found, settings, seed)], _wires(told, found), told.scores.mean(axis=0)
    tell(1000, 1000)
    return page.findings(
        scores.graph, found, mean, rows, curve, wires, agreement, numbers, moved=moved, keep=settings.keep
    )


def by_passages(pairs: PromptPairs) -> PromptPairs:
    """The pairs, `maze` being the same wherever the passages are: small mazes come more than once."""
    return replace(pairs, maze=np.unique(mazes.passage_hash(pairs.mazes.passages), return_inverse=True)[1])


def halves(pairs: PromptPairs, seed: int) -> Bool[np.ndarray, " pair"]:
    """Which pairs belong to the half of the mazes that circuits are chosen on."""
    names = np.unique(pairs.maze)
    return np.isin(pairs.maze, seeds.generator(seed, "halves").permutation(names)[: len(names) // 2])


def _numbers(pairs: PromptPairs, scores: EdgeScores, told: Half, alone: Float[np.ndarray, " pair"]) -> dict[str, float]:
    """What the pairs are like, and what the circuit `alone` makes of those it was not chosen on."""
    effect, line = scores.end - scores.begin, told.on.end - told.on.begin
    return {
        "pairs": float(len(pairs)),
        "mazes": float(len(np.unique(pairs.maze))),
        "wires": float(scores.graph.possible.sum()),
        "moves_by_nats": float(effect.mean()),
        "prefers_right_in_clean": float((scores.end > 0).mean()),
        "completeness": float(scores.values[:, :, 0].sum() / effect.sum()),
        "accounted_for_on_others": float(1 - ((line - alone) ** 2).sum() / (line**2).sum()),
        "right_leads_on_others": float((told.on.end > 0).mean()),
        "right_leads_by_the_circuit_alone": float((told.on.begin + alone > 0).mean()),
        "right_leads_in_corrupted": float((told.on.begin > 0).mean()),
    }


def _curve(chosen: Half, told: Half, found: Table, settings: Settings, seed: int, tell: Progress) -> list[Row]:
    """Kept on other mazes by the strongest wires, and by random circuits, of several sizes."""
    graph, rows, most = chosen.on.graph, [], int(chosen.on.graph.possible.sum())
    sizes = sorted({max(1, min(most, round(one * int(found.sum())))) for one in SIZES} | {most})
    mazes_told = len(np.unique(told.pairs.maze))
    for index, size in enumerate(sizes):
        strong = circuit.strongest(graph, chosen.scores.mean(axis=0), size)
        what = {"mazes": "others", "circuit": "strongest wires", "wires": int(strong.sum())}
        rows.append(Row("kept", *told.kept(strong), mazes_told, what))
        if size < most:
            drawn = [
                circuit.random_circuit(graph, size, seed=seeds.derive(seed, size, i)) for i in range(settings.draws)
            ]
            rows.append(_band(told, drawn, "random wires", size))
        tell(SEARCHED + (1000 - SEARCHED) * (index + 1) // (len(sizes) + 1), 1000)
    return rows


def _controls(told: Half, found: Table, settings: Settings, seed: int) -> list[Row]:
    """Kept by random circuits of the size of the one found, and by it with other heads, each way to do so once."""
    graph, size = told.on.graph, int(found.sum())
    drawn = {
        "random wires": [
            circuit.random_circuit(graph, size, seed=seeds.derive(seed, "same", i)) for i in range(settings.draws)
        ]
    }
    if graph.heads > 1:
        others = (circuit.with_other_heads(graph, found, seed=seeds.derive(seed, i)) for i in range(settings.draws))
        distinct = {one.tobytes(): one for one in others if (one != found).any()}
        drawn |= {"with other heads": list(distinct.values())} if distinct else {}
    return [_band(told, these, name, size) for name, these in drawn.items()]


def _band(told: Half, drawn: list[Table], name: str, size: int) -> Row:
    """The mean share kept by several circuits, and where 95% of them lie; n counts circuits."""
    shares = np.array([circuit.faithfulness(told.on, table) for table in drawn])
    low, high = np.quantile(shares, [0.025, 0.975]).tolist()
    what = {"mazes": "others", "circuit": name, "wires": size}
    return Row("kept", float(shares.mean()), low, high, len(drawn), what)


def _wires(told: Half, found: Table) -> list[Row]:
    """The circuit's wires by score on mazes it was not chosen on, in shares of the effect; corrected for all wires."""
    level, line = 1 - 0.05 / told.on.graph.possible.sum(), told.on.end - told.on.begin
    shares = patching.shares(told.scores[:, found], line, told.pairs.maze, level=level)
    rows = []
    for edge, (value, low, high) in zip(told.on.graph.edges(found), shares.tolist(), strict=True):
        what = dict(zip(("from", "to"), edge.name.split(" -> "), strict=True))
        rows.append(Row("score", value, low, high, len(np.unique(told.pairs.maze)), what))
    return sorted(rows, key=lambda row: -abs(row.value))


def _agreement(model: HookedTransformer, told: Half) -> Row:
    """The rank correlation of all wires' scores with what their paths alone take from the clean run, a pair a maze."""
    which, graph = np.unique(told.pairs.maze, return_index=True)[1][:TESTED], told.on.graph
    some = told.pairs[which]
    everywhere = np.ones_like(patching.everywhere(some)[:1])
    found = patching.paths(model, some, graph.senders, graph.receivers, everywhere, direction="noise")
    lost = (found.begin["logit_difference"] - found.values["logit_difference"][:, :, 0])[graph.possible].T
    agreed = patching.agreement(told.scores[which][:, graph.possible], lost, some.maze)
    return Row("rank correlation", *agreed, len(some))
