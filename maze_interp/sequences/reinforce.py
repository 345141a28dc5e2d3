"""Reinforcement: the network writes the element at odd t, the recurrence answers, and what succeeds becomes likelier.

    loss = - mean of [success] log P(act)  +  failures * mean of [failure] log P(act)  +  maintenance * prediction loss

As in the article: acts are drawn at temperature 1 while learning and taken at temperature 0 while evaluated; only
successes are reinforced (`failures` 0; above 0, acts that failed are made less likely, which the article could not do
without harm); and the network is kept predicting even positions at a much lower rate. Both losses share an optimiser,
and `maintenance` is the weight of one beside the other. Adam scales steps to the size of their sum, so a weight says
what share of a step prediction has, not how long the step is: it is no learning rate, and alone it would change little.
The article's rate for failures is "tiny" and not given, so a study tries several. With a graded `utility` of outcomes
in place of success, the first line is - mean of utility log P(act), whose descent raises the mean utility.

Where the article is silent we choose: every step has fresh histories and one act each; what is maintained is the
sequence as it is ("sequence") or as it goes on from the network's own acts ("own"), on which its words can be read
either way; any of the 16 elements may be written (`legal` restricts acts to 8..15, while learning and evaluated).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp import seeds
from maze_interp.sequences import learning
from maze_interp.sequences.ensemble import Ensemble, Weights, act, choose, forward
from maze_interp.sequences.goals import achieved, goal
from maze_interp.sequences.learning import Measures, Progress, Trained
from maze_interp.sequences.pretrain import prediction_loss, surprise
from maze_interp.sequences.recurrence import CONTEXT, NOISE, OUTCOMES, follow, recurrence
from maze_interp.training.schedule import Optimiser


@dataclass(frozen=True)
class Reinforcement:
    """How networks learn to succeed: `batch` histories a network and step, each acted on once; `utility` is what each
    of the eight outcomes is worth, if not success."""

    steps: int = 2000
    batch: int = 128
    maintenance: float = 0.1
    maintained: Literal["sequence", "own"] = "sequence"
    failures: float = 0.0
    utility: tuple[float, ...] = ()
    legal: bool = False
    temperature: float = 1.0
    kind: str = "product"
    noise: float = NOISE
    held_out: int = 2000
    every: int = 100
    optimiser: Optimiser = field(default_factory=lambda: Optimiser(learning_rate=1e-3, warmup=50))

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.held_out, self.every) < 1:
            raise ValueError("steps, batch, held_out and every must be at least 1")
        if min(self.maintenance, self.failures) < 0:
            raise ValueError(f"rates cannot be negative: maintenance {self.maintenance}, failures {self.failures}")
        if self.utility and (len(self.utility) != OUTCOMES or min(self.utility) == max(self.utility)):
            raise ValueError(f"a utility is {OUTCOMES} values, not all alike, one an outcome: not {self.utility}")
        if self.utility and self.failures:
            raise ValueError("a graded utility knows no failures: their rate must be 0")
        if not self.temperature > 0:
            raise ValueError(f"acts are drawn at a temperature above 0, not {self.temperature}")


def reinforce(
    start: Ensemble,
    wanted: int | Iterable[int],
    recipe: Reinforcement,
    *,
    seed: int,
    measured: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Networks that pursue a goal (or the recipe's utility), begun from pretrained ones; member i and its data are
    functions of (seed, i).

    Measures: "loss"; on held-out histories, at temperature 0, "success" and "illegal" (the share of acts below 8 where
    nothing restricts them); and "maintenance" (the prediction loss at even positions, in nats). Held-out histories and
    their chances are of the seed `measured` (default: `seed`), which trainings may share.
    Raises ValueError for a goal of nothing or of everything.
    """
    good = goal(wanted)
    drop = learning.dropout(start.config.dropout, len(start), seed=seed)
    sources, chances = ([seeds.derive(seed, use, i) for i in range(len(start))] for use in ("histories", "chances"))

    def losses(weights: Weights, step: int) -> Float[Tensor, " seed"]:
        first = step * recipe.batch
        ids = np.stack(
            [recurrence(recipe.batch, CONTEXT + 1, seed=own, first=first, **_rule(recipe)) for own in sources]
        )
        draws = np.stack([seeds.uniforms(own, recipe.batch, 2, first=first) for own in chances])
        predicted = forward(weights, start.config, torch.from_numpy(ids[..., 1:]), drop)
        loss, acts, outcomes = _reward(predicted, ids[..., 1:], draws, good, recipe)
        if recipe.maintenance == 0:
            return loss
        contexts, answers = ids[..., :CONTEXT], ids[..., CONTEXT]
        if recipe.maintained == "own":
            contexts, answers = np.concatenate([ids[..., 2:], acts[..., None]], axis=-1), outcomes
        kept = forward(weights, start.config, torch.from_numpy(contexts), drop)
        return loss + recipe.maintenance * surprise(kept, torch.from_numpy(answers)).mean(dim=1)

    source = seed if measured is None else measured
    unseen = recurrence(recipe.held_out, CONTEXT + 2, seed=seeds.derive(source, "held out"), **_rule(recipe))
    draws = seeds.uniforms(seeds.derive(source, "held out chances"), recipe.held_out, 1)[:, 0]

    def measure(now: Ensemble) -> Measures:
        contexts = unseen[:, 1 : CONTEXT + 1]
        outcomes = follow(contexts, act(now, contexts, legal=recipe.legal), draws, **_rule(recipe))
        illegal = act(now, contexts, legal=False) < OUTCOMES
        even, _ = prediction_loss(now, unseen)
        shares = {"success": achieved(outcomes, good).mean(axis=1), "illegal": illegal.mean(axis=1)}
        return {**shares, "maintenance": even}

    return learning.learn(start, losses, measure, recipe, progress=progress)


def _reward(
    predicted: Float[Tensor, "seed history vocab"],
    contexts: Int[np.ndarray, "seed history position"],
    draws: Float[np.ndarray, "seed history 2"],
    good: tuple[int, ...],
    recipe: Reinforcement,
) -> tuple[Float[Tensor, " seed"], Int[np.ndarray, "seed history"], Int[np.ndarray, "seed history"]]:
    """Each network's loss for acts drawn as it predicts, the acts and what followed them."""
    drawn = torch.from_numpy(draws[..., 0])
    acts = choose(predicted.detach(), drawn, temperature=recipe.temperature, legal=recipe.legal)
    outcomes = follow(contexts, acts.numpy(), draws[..., 1], **_rule(recipe))
    worth = recipe.utility or np.where(achieved(np.arange(OUTCOMES), good), 1.0, -recipe.failures)
    gain = torch.tensor(worth, dtype=torch.float32)[torch.from_numpy(outcomes)]
    allowed, least = (predicted[..., OUTCOMES:], OUTCOMES) if recipe.legal else (predicted, 0)
    return (gain * surprise(allowed, acts - least)).mean(dim=1), acts.numpy(), outcomes


def _rule(recipe: Reinforcement) -> dict[str, Any]:
    return {"kind": recipe.kind, "noise": recipe.noise}
