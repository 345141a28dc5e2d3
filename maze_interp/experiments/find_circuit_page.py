"""What the search for a circuit comes to, in words and pictures made from its numbers."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
from jaxtyping import Bool, Float

from maze_interp import figures
from maze_interp.experiments.findings import Findings
from maze_interp.figures import Figure, Series
from maze_interp.models import Site
from maze_interp.patching import Graph
from maze_interp.patching.graph import PORTS, name
from maze_interp.tables import Row

LISTED = 40
WAYS = 5  # to give heads' parts to others, from which more than those ways is told
FEW, SLACK, CHANCE, OTHERS = 0.5, 0.1, 0.1, 0.5  # of the predictions


def findings(
    graph: Graph,
    found: Bool[np.ndarray, "receiver sender"],
    scores: Float[np.ndarray, "receiver sender"],
    kept: Sequence[Row],
    curve: Sequence[Row],
    wires: Sequence[Row],
    agreement: Row,
    numbers: Mapping[str, float],
    *,
    moved: str,
    keep: float,
) -> Findings:
    """The page of one circuit."""
    by = {row.what["circuit"]: row for row in kept if row.what["mazes"] == "others"}
    share = f"{numbers['circuit']:.0f} of {numbers['wires']:.0f} wires"
    keeps = f"{share} keep {by['found']:.0%} of the choice in mazes they were not chosen on"
    more = {f"kept by {key}": row.value for key, row in by.items()}
    return Findings(
        heading="The wires that carry the choice at a fork",
        sentences=sentences(by, _as_large(curve, found), wires, agreement, numbers, moved=moved, keep=keep),
        tables={"kept": [*kept, *curve], "wires": list(wires[:LISTED])},
        figures={
            "faithfulness": _faithfulness(
                by["found"], curve, f"{keeps}; random ones keep {by['random wires'].value:.0%}"
            ),
            "circuit": picture(graph, found, scores, f"{share} carry the choice: the circuit found"),
        },
        numbers=dict(numbers) | more,
    )


def sentences(
    by: Mapping[str, Row],
    strongest: Row,
    wires: Sequence[Row],
    agreement: Row,
    numbers: Mapping[str, float],
    *,
    moved: str,
    keep: float,
) -> list[str]:
    """What was asked, what was found, and what became of the predictions."""
    found, random = by["found"], by["random wires"]
    few, enough = numbers["circuit"] / numbers["wires"], found.low >= keep - SLACK
    said = [
        f"In {numbers['pairs']:.0f} pairs of {numbers['mazes']:.0f} test mazes {moved} from the "
        f"fork, so that another step is right; the model prefers the right "
        f"step in {numbers['prefers_right_in_clean']:.0%} of pairs, and the logit difference moves by "
        f"{numbers['moves_by_nats']:.1f} nats. Of {numbers['wires']:.0f} wires, {numbers['circuit']:.0f} keep "
        f"{numbers['kept_on_its_mazes']:.0%} of that on the half of the mazes they were chosen on, and "
        f"{found:.0%} on the other half, while all others carry the other maze. The search is greedy (by score, "
        f"then pruned; {numbers['circuits_tried']:.0f} circuits tried): a smaller circuit may exist. The "
        f"{strongest.what['wires']} strongest wires, unpruned, keep {strongest:.0%} there.",
        f"A mean can be kept by too much in one pair and too little in the next: pair by pair the circuit accounts for "
        f"{numbers['accounted_for_on_others']:.0%} of the squared effect there. With it alone the right step leads in "
        f"{numbers['right_leads_by_the_circuit_alone']:.0%} of those pairs; with all wires in "
        f"{numbers['right_leads_on_others']:.0%}, with none in {numbers['right_leads_in_corrupted']:.0%}.",
        f"Predicted: fewer than half of all wires are enough; those found are {few:.0%}: "
        f"{'held' if few < FEW and enough else 'not told'}. Predicted: {keep - SLACK:.0%} or more is kept on other "
        f"mazes: {_told(enough, found.high < keep - SLACK)}.",
        f"Predicted: random connected circuits of the same size keep less than {CHANCE:.0%}; {random.n} of them keep "
        f"{random.value:.0%} on average, 95% of them {random.low:.0%} to {random.high:.0%}: "
        f"{_told(random.high < CHANCE, random.low >= CHANCE)}.",
    ]
    if "with other heads" in by:
        said.append(_about_other_heads(by["with other heads"], OTHERS * found.value))
    return [*said, _about_scores(wires, agreement, numbers)]


def _about_scores(wires: Sequence[Row], agreement: Row, numbers: Mapping[str, float]) -> str:
    ranked = f"have rank correlation {agreement:.2f}"
    if isnan(agreement.value):
        ranked = "have no rank correlation that can be told"
    return (
        f"Scores are estimates: over all wires they {ranked} with what each wire's path alone takes from the clean run "
        f"in {agreement.n} mazes; those out of the embedding add up to {numbers['completeness']:.1%} of the effect. "
        f"{_largest(wires)}"
    )


def _about_other_heads(other: Row, limit: float) -> str:
    many = other.n >= WAYS
    return (
        f"The shape alone, every head's part given to another head of its layer, keeps {other.value:.0%} ({other.n} "
        f"distinct ways to do so; 95% of them {other.low:.0%} to {other.high:.0%}). Predicted: less than half of what "
        f"the circuit keeps: {_told(many and other.high < limit, many and other.low >= limit)}."
    )


def picture(
    graph: Graph, found: Bool[np.ndarray, "receiver sender"], scores: Float[np.ndarray, "receiver sender"], title: str
) -> Figure:
    """The circuit as parts by layer, the embedding below and the logits above; wires into one head are drawn as one."""
    parts = [*graph.senders, graph.receivers[-1]]
    index = {name(part): place for place, part in enumerate(parts)}
    weights: dict[tuple[int, int], float] = {}
    for receiver, sender in np.argwhere(found):
        key = index[name(graph.senders[sender])], index[_part(graph.receivers[receiver])]
        weights[key] = weights.get(key, 0.0) + float(scores[receiver, sender])
    places = np.array([_place(graph, part) for part in parts])
    lines = np.array(list(weights), int).reshape(-1, 2)
    note = "Lines go upwards. Heads are named layer.head; a head's queries, keys and values are drawn as one."
    size = np.array(list(weights.values()), float)
    return figures.network(
        list(index), places, lines, size, title=title, up="towards the right step", down="against it", note=note
    )


def _place(graph: Graph, part: Site) -> tuple[float, float]:
    middle = (graph.heads - 1) / 2
    if part.kind == "embed":
        return middle, 0.0
    if part.kind == "resid_post":
        return middle, 2.0 * graph.layers + 1
    if part.kind == "mlp_out":
        return graph.heads + 0.3, 2.0 * part.layer + 2
    return float(part.head or 0), 2.0 * part.layer + 1


def _part(receiver: Site) -> str:
    """The name of the part that a reader belongs to."""
    return f"{receiver.layer}.{receiver.head}" if receiver.kind in PORTS else name(receiver)


def _faithfulness(found: Row, curve: Sequence[Row], title: str) -> Figure:
    lines = []
    for kind in ("strongest wires", "random wires"):
        rows = [row for row in curve if row.what["circuit"] == kind]
        x, y, low, high = (np.array(one, float) for one in zip(*map(_point, rows), strict=True))
        lines.append(Series(kind if kind != "random wires" else "random wires: 95% of circuits", x, y, low, high))
    x, y, low, high = (np.array([one], float) for one in _point(found))
    lines.append(Series("the circuit found", x, y, low, high))
    return figures.curves(lines, title=title, x="number of wires", y="share of the effect kept on other mazes")


def _point(row: Row) -> tuple[float, float, float, float]:
    return float(row.what["wires"]), row.value, row.low, row.high


def _as_large(curve: Sequence[Row], found: Bool[np.ndarray, "receiver sender"]) -> Row:
    """The strongest wires that are about as many as the circuit's."""
    strong = (row for row in curve if row.what["circuit"] == "strongest wires")
    return min(strong, key=lambda row: abs(row.what["wires"] - int(found.sum())))


def _largest(wires: Sequence[Row]) -> str:
    sure = [row for row in wires if row.low > 0 or row.high < 0]
    if not sure:
        return "No single wire's score is surely other than 0."
    listed = "; ".join(f"{row.what['from']} to {row.what['to']} {row:.0%}" for row in sure[:4])
    return f"Of the circuit's wires {len(sure)} score surely other than 0, corrected for all: {listed}."


def _told(held: bool, refuted: bool) -> str:
    return "held" if held else "refuted" if refuted else "not told"
