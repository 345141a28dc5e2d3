"""What a training run would cost, before it is begun: tokens, floating-point operations, parameters and memory.

Operations are those of the matrix products that the path's loss needs, two to a multiplication with its addition, the
way back counted as twice the way forwards (Kaplan et al. 2020). With N weights that multiply, a token takes about 6 N,
and 12 d_model more in every layer for each token it sees, itself included. A layer that is last reads keys and values
of the prompt and nothing else of it. Padding, recomputation and what is not a product are not counted, so a step's
operations by its seconds and a machine's peak are its utilisation (Chowdhery et al. 2022). Mazes differ in length:
they are drawn as the run would draw them, in a few places of the run.
"""

from dataclasses import dataclass
from itertools import islice

import numpy as np

from maze_interp.models import ModelConfig, cores, fused
from maze_interp.tokens.batch import EDGE, TokenBatch
from maze_interp.training.batches import POOL, batches
from maze_interp.training.recipe import TrainingRecipe

PLACES = 4  # where in the run a pool of steps is drawn
H100 = 989e12  # operations a second at the most, dense products in bf16 (NVIDIA's data sheet)
ASSUMED = 0.4  # of that, the share that is used
MEASURED = 0.25  # of a processor's peak, the share that recipes of 5 x 5 were measured to use
NUMBER = 4  # bytes of a weight, its gradient and each moment, whatever the format of the products


@dataclass(frozen=True)
class Cost:
    """What a run costs. `paths` and `tokens` are read, and `flops` done, by the whole run; memory is in bytes.

    `activations` are what the way back needs of the longest step that was drawn, to within about a tenth; weights,
    gradients and moments are exact. Paths that share one reading of their maze share its tokens.
    """

    parameters: int
    paths: int
    tokens: float
    flops: float
    weights: int
    gradients: int
    moments: int
    activations: int

    @property
    def memory(self) -> int:
        """Bytes of all four."""
        return self.weights + self.gradients + self.moments + self.activations

    def hours(self, peak: float, utilisation: float) -> float:
        """Hours on a machine of so many operations a second at its peak, of which a share is used."""
        return self.flops / (peak * utilisation) / 3600


@dataclass(frozen=True)
class Reading:
    """What one pass reads: tokens, pairs of a token and one it sees, and how much of either the last layer computes.

    `patterns` counts the attention weights of a head that are kept for the way back: those of queries that are masked
    by their path, which are all of the last layer (`asked_patterns`), and in bf16 on a processor those of every query
    (see `models.fused.attend_causal`).
    """

    tokens: float
    pairs: float
    asked: float
    asked_pairs: float
    patterns: float
    asked_patterns: float


def cost(recipe: TrainingRecipe) -> Cost:
    """What training by a recipe would cost. Nothing is built or trained; a few pools of mazes are drawn.

    `threads = 0` counts as the cores of this machine, and the format "auto" as float32.
    """
    drawn = [batch for first in places(recipe) for batch in islice(batches(recipe, first), POOL)]
    readings = [reading(recipe, batch) for batch in drawn]
    shares = cores.settle(recipe.threads, recipe.device, recipe.mazes_per_step)
    weights = NUMBER * recipe.model.parameters
    return Cost(
        parameters=recipe.model.parameters,
        paths=recipe.steps * recipe.mazes_per_step * recipe.paths_per_maze,
        tokens=recipe.steps * float(np.mean([one.tokens for one in readings])),
        flops=recipe.steps * float(np.mean([step_flops(recipe.model, one) for one in readings])),
        weights=weights,
        gradients=weights * (shares + 1),  # each share's own, and their sum
        moments=NUMBER * _moments(recipe),
        activations=max(activations(recipe, one) for one in readings),
    )


def places(recipe: TrainingRecipe) -> list[int]:
    """First steps of the pools that are drawn, spread over the run."""
    pools = -(-recipe.steps // POOL)
    return [POOL * int(pool) for pool in np.unique(np.linspace(0, pools - 1, PLACES).round())]


def reading(recipe: TrainingRecipe, batch: TokenBatch) -> Reading:
    """What a step that reads these sequences computes; each prompt is read once for all paths through its maze."""
    whole = batch.length.astype(np.float64)
    if recipe.loss == "all":
        kept = _blocks(recipe, whole)
        return Reading(whole.sum(), _triangle(whole), whole.sum(), _triangle(whole), kept, kept)
    prompt = (batch.part == EDGE).sum(axis=1).astype(np.float64)
    own, shared = whole - prompt, prompt[:: recipe.paths_per_maze]
    asked_pairs = float((own * prompt).sum()) + _triangle(own)
    behind = own.reshape(len(shared), -1).sum(axis=1)
    masked = float((behind * (shared + behind)).sum())
    kept = masked + _blocks(recipe, shared)
    return Reading(shared.sum() + own.sum(), _triangle(shared) + asked_pairs, own.sum(), asked_pairs, kept, masked)


def step_flops(config: ModelConfig, one: Reading) -> float:
    """Operations of a step: forwards, and twice as many back."""
    return 3 * forward_flops(config, one)


def forward_flops(config: ModelConfig, one: Reading) -> float:
    """Operations of one pass; the unembedding is of the tokens that are asked."""
    d, full = config.d_model, config.layers - 1
    keys_and_values = 4 * d * d
    rest = 4 * d * d + 4 * d * config.hidden  # queries, what heads write, MLP
    body = full * (one.tokens * (keys_and_values + rest) + 4 * d * one.pairs)
    last = one.tokens * keys_and_values + one.asked * rest + 4 * d * one.asked_pairs
    return body + last + one.asked * 2 * d * config.tokenizer.vocabulary.size


def _triangle(length: np.ndarray) -> float:
    """Pairs of a token and one it sees, itself included."""
    return float((length * (length + 1) / 2).sum())


def _blocks(recipe: TrainingRecipe, length: np.ndarray) -> float:
    """Pairs that causal attention keeps where it is computed in blocks of queries."""
    if recipe.dtype != "bfloat16" or recipe.device != "cpu":
        return 0.0
    blocks = np.ceil(length / fused.BLOCK)
    return float((length**2 * (1 + blocks) / (2 * blocks)).sum())


def _matrices(config: ModelConfig) -> int:
    """The numbers in the matrices of one block."""
    return 4 * config.d_model**2 + 2 * config.d_model * config.hidden


def _moments(recipe: TrainingRecipe) -> int:
    """Numbers that the optimiser keeps: two to a weight, one where Muon takes over."""
    muon = recipe.model.layers * _matrices(recipe.model) if recipe.optimiser.name == "muon" else 0
    return 2 * recipe.model.parameters - muon


def activations(recipe: TrainingRecipe, one: Reading) -> int:
    """Bytes kept for the way back: of each token in each layer twice the residual stream, two layer norms, queries,
    keys, values, what was mixed and the MLP before and after its bend; and each pattern of a token that is asked. Of
    tokens that are not asked the last layer keeps the stream, its layer norm, keys and values."""
    config, number = recipe.model, 2 if recipe.dtype == "bfloat16" else NUMBER
    d = config.d_model
    inner = (7 if config.positions == "learned" else 8) * d + 2 * config.hidden
    token = 2 * d * NUMBER + inner * number
    read = d * NUMBER + 3 * d * number
    full = one.tokens * token + one.patterns * config.heads * number
    last = one.asked * token + (one.tokens - one.asked) * read + one.asked_patterns * config.heads * number
    head = one.asked * (2 * d + config.tokenizer.vocabulary.size) * NUMBER
    return round((config.layers - 1) * full + last + head)
