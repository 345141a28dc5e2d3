"""Which statements about what the network carries survive when activations may carry nothing else?

Each hypothesis says of some activations which feature of the maze they carry. They are replaced by those of other
mazes that agree in it, and the loss of the right step at forks is measured: 100% is recovered where nothing that
matters was thrown away, 0% is the loss of another maze's prediction. That tokens are all before the first layer and
that nothing matters after the last hold by construction, and are checks. Predictions, made before anything was
measured: 90% and more is recovered where each `;` carries only its edge after layer 0, and where the rest of the edge
list carries nothing besides; less than half where edges are not joined; 90% and more where the goal is only at its
token. And of what the fork's token carries before layer l: if the network chains backwards, no more matters than the
way within l steps of the goal; if it merges paths, no more than the way within 2^l steps. Both are judged at forks
farther away than that, where the right step is not part of it, and beside the control that says least: that the token
carries its own cell alone. Unless that surely loses at the same forks, a law is not told from a token that has not
looked yet. Another maze's prediction is sure of a wrong step, so its loss is large and shares of it are lenient; added
after a first look: the share beyond a guess among the ways on, without which nothing holds, and how often the right
step stays the most likely token, beside the plain model at the same forks.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, patching, seeds, training
from maze_interp.experiments import scrub_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.patching import scrubbing
from maze_interp.patching.hypotheses import HYPOTHESES, nothing_matters, reach
from maze_interp.patching.scrubbing import Asked, Claim, Scrubbed
from maze_interp.tables import Row

RANDOM, PLAIN = "random", "model"
RECOVERED, BEYOND, RIGHT, UNSCRUBBED, LOST = page.RECOVERED, page.BEYOND, page.RIGHT, page.UNSCRUBBED, page.LOST
LAWS = {  # how many steps near the goal matter to the fork's token before a layer
    "chaining backwards": lambda layer: layer,
    "merging paths": lambda layer: 2**layer,
}
UNSEEING = -1  # steps: its own cell alone
LEAST = 5  # mazes with passages of their own that a share is told of


@dataclass(frozen=True)
class Settings:
    """The run; how many test mazes are scrubbed, at all their forks, and in how many others donors are looked for."""

    run: str = ""
    mazes: int = 200
    donors: int = 3000
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The share of the loss recovered under every hypothesis. `progress` counts donors and prompts run."""
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "scrub")
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    others = mazes.take(world, settings.donors, seed=seeds.derive(seed, "donors"), split=mazes.TRAIN)[0]
    held_out = held_out_mazes(trained, settings.mazes, seed=seed)
    own, pool = (
        scrubbing.asked(batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=seed)
        for batch in (held_out, others)
    )
    if not len(own) or not len(pool):
        raise ValueError(
            f"{settings.mazes} mazes have {len(own)} forks, {settings.donors} donors {len(pool)}: give more"
        )
    layers = model.cfg.n_layers
    claims: dict[str, tuple[Claim, ...]] = {RANDOM: nothing_matters(layers), PLAIN: ()}
    claims |= {name: made(layers) for name, made in HYPOTHESES.items()}
    for layer in range(1, layers):
        claims |= {_ladder(law, layer): reach(layer, steps(layer)) for law, steps in LAWS.items()}
        claims |= {_ladder(page.CONTROL, layer): reach(layer, UNSEEING)}
    found = scrubbing.scrub(model, own, pool, claims, seed=seed, progress=progress)
    return findings(own, found, layers)


def findings(own: Asked, found: dict[str, Scrubbed], layers: int) -> Findings:
    """Shares of loss recovered, with intervals over mazes: 95%, of laws corrected for all layers.

    Mazes with the same passages count as one.
    """
    own = replace(own, maze=np.unique(own.hash, return_inverse=True)[1])
    random, plain = found[RANDOM], found[PLAIN]
    rows: list[Row] = []
    for name in HYPOTHESES:
        rows += _rows(own, found, name, found[name].known & random.known, {"hypothesis": name})
    numbers = {
        "forks": float(len(own)),
        "loss": float(plain.loss.mean()),
        "loss_of_another_maze": float(random.loss[random.known].mean()),
        "loss_of_a_guess": float(np.log(own.options).mean()),
        "right": float(plain.right.mean()),
        "right_by_another_maze": float(random.right[random.known].mean()),
    }
    return page.findings(rows, _ladders(own, found, layers), numbers)


def _ladders(own: Asked, found: dict[str, Scrubbed], layers: int) -> list[Row]:
    """Every law before every layer, and on the same forks the token that carries its own cell alone."""
    rows, away = [], own.onward.length - 2  # steps from the right step's cell to the goal
    for law, steps in LAWS.items():
        for layer in range(1, layers):
            held, control = _ladder(law, layer), _ladder(page.CONTROL, layer)
            known = found[held].known & found[control].known & found[RANDOM].known
            far = away > max(steps(layer), layer)
            for name, where in (("farther", far), ("within", ~far)):
                what = {"law": law, "layer": layer, "steps": steps(layer), "right step": name}
                lost = {"without donor": int((where & ~known).sum())}
                for carries, one in (("the way near the goal", held), (page.CONTROL, control)):
                    more = {**what, "carries": carries, **lost}
                    rows += _rows(own, found, one, where & known, more, level=1 - 0.05 / (layers - 1))
    return rows


def _ladder(law: str, layer: int) -> str:
    return f"{law}, before layer {layer}"


def _rows(
    own: Asked,
    found: dict[str, Scrubbed],
    name: str,
    where: Bool[np.ndarray, " prompt"],
    what: dict[str, object],
    *,
    level: float = 0.95,
) -> list[Row]:
    """Shares recovered at some forks, and how often the right step is the most likely; none where mazes are few.

    The loss is counted from another maze's prediction, and once more from a guess. The right step is counted in the
    scrubbed and in the plain run, and fork by fork as what is lost from one to the other.
    """
    one, random, plain, maze = found[name], found[RANDOM], found[PLAIN], own.maze[where]
    if len(np.unique(maze)) < LEAST:
        return []
    right, unscrubbed, ones = one.right.astype(float), plain.right.astype(float), np.ones(len(own))
    guess = np.log(own.options)
    columns = {
        RECOVERED: (random.loss - one.loss, random.loss - plain.loss),
        BEYOND: (guess - one.loss, guess - plain.loss),
        RIGHT: (right, ones),
        UNSCRUBBED: (unscrubbed, ones),
        LOST: (unscrubbed - right, ones),
    }
    rows = []
    for measure, (gain, line) in columns.items():
        change = gain[where, None].astype(float)
        value, low, high = patching.shares(change, line[where].astype(float), maze, level=level)[0].tolist()
        if not np.isnan(value):
            rows.append(Row(measure, value, low, high, len(maze), what))
    return rows
