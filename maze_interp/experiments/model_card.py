"""The card of a published model: a function from what was measured to Markdown, its sentences built from the numbers.

What a reader needs before relying on a model: what it was trained on, by what recipe, what of it was measured and how
surely, and what it must not be used for. The front matter is what the Hugging Face hub reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from maze_interp import mazes, recipes
from maze_interp.mazes import Endpoints, World
from maze_interp.tables import Row, difference, proportion
from maze_interp.training import TrainingRecipe

GOOD = 0.95  # below, what a model computes is only part of a way to walk mazes
CURVE = 10  # lines of the training curve
READ, ANYWHERE = "trained, mazes it read", "trained, ends anywhere"
FRONT = """---
library_name: maze_interp
license: mit
tags:
- maze
- shortest-path
- mechanistic-interpretability
- transformer-lens
---
"""


@dataclass(frozen=True)
class Agreement:
    """How far weights in float16 decide as in float32: the shares of `mazes` greedy paths and of the `asked` tokens of
    shortest paths that are the same, the largest difference of a logit, and the share walked exactly in either."""

    mazes: int
    paths: float
    asked: int
    decisions: float
    furthest: float
    exact: tuple[float, float]


@dataclass(frozen=True)
class Card:
    """Everything a card states. `given` is what publishing was set to, `packaged` the packaged recipe that trains it
    again, `kept` whether the mazes it read lie beside it because this version would draw others, `line_known` whether
    what those had read is known whose weights it began from."""

    name: str
    recipe: TrainingRecipe
    rows: Sequence[Row]
    numbers: Mapping[str, float]
    metrics: Sequence[Mapping[str, Any]]
    format: str
    agreement: Agreement
    given: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    packaged: str = ""
    kept: bool = False
    line_known: bool = False

    def row(self, measure: str, walker: str = "trained") -> Row | None:
        """The row of a measure on a walker, if it was measured."""
        rows = (row for row in self.rows if row.measure == measure and row.what.get("walker") == walker)
        return next(rows, None)


def write(card: Card) -> str:
    """The card as Markdown with YAML front matter."""
    parts = {
        "": opening(card),
        "What it does": [behaviour(card), *comparisons(card)],
        "What it must not be used for": limits(card),
        "What it read": data(card),
        "How it learned": [curve(card)],
        "Weights": weights(card),
        "Recipe": [again(card), f"```toml\n{recipes.to_toml(card.recipe)}```"],
    }
    said = [f"## {title}\n\n" + "\n\n".join(texts) if title else "\n\n".join(texts) for title, texts in parts.items()]
    return f"{FRONT}\n# {card.name}\n\n" + "\n\n".join(said) + "\n"


def opening(card: Card) -> list[str]:
    """What it is, how well it walks, and how it is had."""
    exact, edges = _row(card, "exact"), card.recipe.model.tokenizer.choices.edges
    listed = "passages and walls" if edges == "both" else edges
    return [
        f"A transformer of {card.recipe.model.parameters:,} weights that reads a maze as a list of {listed} and writes "
        f"the shortest path through it. Its world: {mazes.describe(card.recipe.world)}. {card.recipe.reason}",
        f"Of {exact.n:,} mazes it never read it walks {exact:.1%} exactly.",
        f'```python\nfrom maze_interp import models\n\nmodel = models.load("{card.name}")  # a HookedTransformer that '
        "knows its own language\n```",
    ]


def behaviour(card: Card) -> str:
    """The table of all measures by walker, with intervals."""
    walkers = [
        who for who, _ in groupby(row.what.get("walker", "trained") for row in card.rows if row.measure == "exact")
    ]
    shown = [who for who in walkers if who not in (READ, ANYWHERE)]
    lines = [["measure", *shown], ["---", *["---:"] * len(shown)]]
    for measure in dict.fromkeys(row.measure for row in card.rows if row.what.get("walker") in shown):
        lines.append([measure, *(_reading(card.row(measure, who)) for who in shown)])
    tested = int(card.numbers["test_mazes"]), int(card.numbers["test_mazes_distinct"])
    return (
        f"{tested[0]:,} test mazes, {tested[1]:,} of them distinct; value (95% interval). An untrained network of this "
        "shape and a random walk went through the same mazes.\n\n"
        + "\n".join(f"| {' | '.join(line)} |" for line in lines)
    )


def comparisons(card: Card) -> Iterator[str]:
    """Whether it does better on what it read, and what becomes of it where the goal may be anywhere."""
    unread, read, anywhere = _row(card, "exact"), card.row("exact", READ), card.row("exact", ANYWHERE)
    if read is not None:
        gap = difference("read - unread", *map(_outcomes, (read, unread)))
        verdict = (
            "it knows some by heart" if gap.low > 0 else "it does worse there" if gap.high < 0 else "no sign of memory"
        )
        yield (
            f"Of {read.n:,} mazes it read it walks {read:.1%} exactly; read less unread, "
            f"{100 * gap.value:+.1f} points ({100 * gap.low:.1f} to {100 * gap.high:.1f}): {verdict}."
        )
    if anywhere is not None:
        yield (
            f"With starts and goals anywhere, which it was not trained on, it walks {anywhere:.1%} of "
            f"{anywhere.n:,} mazes exactly."
        )


def limits(card: Card) -> Iterator[str]:
    """What no one should conclude from it or do with it."""
    exact, anywhere = _row(card, "exact"), card.row("exact", ANYWHERE)
    recipe, language = card.recipe, card.recipe.model
    if exact.low < GOOD:
        yield (
            f"- For claims about how mazes are solved without fail: it fails in {1 - exact.value:.1%} of them. What is "
            "found in it explains its failures as well as its successes, or it does not explain it."
        )
    yield ("- As a stand-in for its kind: it is one network from one seed. What is found in it alone may be its own.")
    yield (
        f"- On other mazes or in other words: it was measured on the world named above, written as "
        f"`{language.scheme}` with cells named for {language.rows} x {language.cols}. What becomes of it elsewhere is "
        f"to be measured: `maze-interp run shifts --set run={card.name}`."
    )
    if isinstance(recipe.world, World) and recipe.world.endpoints != Endpoints() and anywhere is not None:
        yield f"- To walk to any goal: with ends anywhere {1 - anywhere.value:.1%} of its paths are wrong."
    if recipe.only_first:
        yield f"- As an example of training on fresh mazes: it read the same {recipe.only_first:,} again and again."
    if card.numbers["test_mazes_distinct"] < 0.9 * card.numbers["test_mazes"]:
        share = card.numbers["test_mazes_distinct"] / card.numbers["test_mazes"]
        yield (
            f"- With its intervals as they stand, for mazes rather than draws of them: only {share:.0%} of the test "
            "mazes' passages are distinct, so that the rate over different mazes is less sure than the table says."
        )


def data(card: Card) -> Iterator[str]:
    """What it was trained on, and how much of the test it had seen."""
    recipe, read = card.recipe, int(card.numbers["training_mazes_read"])
    distinct, leaked = int(card.numbers["training_mazes_distinct"]), int(card.numbers["test_mazes_seen_in_training"])
    yield (
        f"{read:,} mazes, {distinct:,} of them distinct, with {recipe.paths_per_maze} paths through each: "
        f"{read * recipe.paths_per_maze:,} paths in {recipe.steps:,} steps, seed {recipe.seed}. "
        + (
            f"{leaked:,} of the test mazes' passages are among them."
            if leaked
            else "None of the test mazes is among them."
        )
    )
    if card.kept:
        yield (
            "It was trained under an earlier split of mazes into those for training and those for tests, so what it "
            "read cannot be drawn again from its recipe. It lies in `mazes_read.safetensors` instead, and no test maze "
            "above is among it. Experiments that draw test mazes of their own, `shifts` and the probes, may meet some "
            "that it read; `shifts` counts them."
        )
    if recipe.begins_from:
        begun, before = recipe.begins_from, int(card.numbers.get("test_mazes_seen_by_its_line", 0)) - leaked
        also = (
            f"{before or 'none'} of the test mazes is one that {begun}, or a model that began from, had read"
            if card.line_known
            else "all that it had read is not known, and test mazes may be among it"
        )
        yield f"It began with the weights of {begun}, whose mazes are not counted here: {also}."


def curve(card: Card) -> str:
    """Loss and exact share over training, in at most CURVE lines, the last measurement among them."""
    chosen = np.unique(np.linspace(0, len(card.metrics) - 1, min(CURVE, len(card.metrics))).round().astype(int))
    per_step = card.recipe.mazes_per_step * card.recipe.paths_per_maze
    lines = [["step", "paths read", "loss, nats per token", "validation mazes walked exactly"], ["---:"] * 4]
    for row in (card.metrics[place] for place in chosen):
        n = row["validation_mazes"]
        share = proportion("exact", np.arange(n) < round(row["exact"] * n))
        lines.append([f"{row['step']:,}", f"{row['step'] * per_step:,}", f"{row['loss']:.4f}", f"{share:.1%}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def weights(card: Card) -> Iterator[str]:
    """The format of the weights and what it costs, and which checkpoints there are."""
    of, change = card.agreement, card.agreement.exact[1] - card.agreement.exact[0]
    others = round((1 - of.paths) * of.mazes)
    told = (
        f"{others:,} of {of.mazes:,} greedy paths differ, {of.decisions:.3%} of {of.asked:,} "
        f"tokens are chosen alike along shortest paths, no logit there differs by more than {of.furthest:.2g}, and the "
        f"share walked exactly changes by {100 * change:+.2f} points"
    )
    if card.format == "float16":
        yield f"`model.safetensors` holds them in float16, computed with as float32. Beside the original: {told}."
    else:
        yield f"`model.safetensors` holds them in float32, as in float16 it would not be the same walker: {told}."
    if len(card.steps) > 1:
        steps = ", ".join(f"{step:,}" for step in card.steps[:-1])
        source = card.recipe.begins_from
        begun = f"are those of {source}, as far as it has them" if source else "come from the seed"
        yield (
            f"`checkpoints/` holds the weights in float16 after step {steps}; "
            f"after step {card.steps[-1]:,} they are the model's. Before the first they {begun}."
        )


def again(card: Card) -> str:
    """How it is trained again, and its numbers measured."""
    trained = f"maze-interp train {card.packaged or 'recipe.toml'} --out runs/mine"
    published = " ".join(["maze-interp publish runs/mine", f"--out published/{card.name}", *card.given])
    measured = f"maze-interp run behaviour --set run={card.name} --set mazes={int(card.numbers['test_mazes'])}"
    apart = card.kept or card.recipe.begins_from  # what a run begins from is rounded where it is published
    same = "another network of its kind" if apart else "on the same kind of machine the same weights"
    return (
        f"```sh\n{trained}   # {same}\n{published}   # measures and writes all of this\n"
        f"{measured}   # the table alone\n```"
    )


def _row(card: Card, measure: str) -> Row:
    row = card.row(measure)
    if row is None:
        raise ValueError(f"{card.name} was not measured by {measure}")
    return row


def _outcomes(row: Row) -> np.ndarray:
    return np.arange(row.n) < round(row.value * row.n)


def _reading(row: Row | None) -> str:
    return f"{row:.3f}" if row is not None and row.n else ""
