"""What is a head called? How much of its attention lies where a head of that name looks, against chance.

A score asks at the cells of a path, or at the `;` behind each edge. It has target tokens, and comparable ones among
which they lie; it counts where there are targets and others besides. The null is the same attention with its positions
permuted among the comparable tokens: its mean over all permutations is known (each comparable token gets an equal share
of what lies on them all), so no permutation is drawn, and a score is beyond chance per token, however many targets
there are. Mazes are the independent units.

The scores are this library's: the published work names heads by their pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float

from maze_interp.attention.permuted import counting, covariance
from maze_interp.attention.scenes import AT_EDGES, AT_PATH, Keys, Patterns, Progress, Scene, patterns, rows_of, scene
from maze_interp.mazes import NO_CELL, MazeBatch, PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.tokens import GOAL, PATH, START

PerHead = Float[np.ndarray, "maze head"]


@dataclass(frozen=True)
class Score:
    """Where a head of some name looks.

    `targets` are one set of tokens, or several of which the least attended counts for all: the score is their number
    times its mass (and its null, an upper bound then, errs on the side of chance). With `against`, attention on a
    target counts as negative if what the head writes from there raises the logit of the cell named there; by chance it
    counts as positive, so that a head must look there more than by chance and write against it.
    """

    targets: tuple[Callable[[Scene], Keys], ...]
    among: Callable[[Scene], Keys]
    at: str = AT_PATH
    against: bool = False


@dataclass(frozen=True)
class HeadScores:
    """The share of attention on each score's targets, and by chance; nan for a maze in which nobody is asked.

    `permuted` is how the scores' means over mazes vary together, heads of all layers in a row, when positions are
    permuted: each query's on its own, all heads' alike.
    """

    names: tuple[str, ...]
    share: Float[np.ndarray, "score maze layer head"]
    chance: Float[np.ndarray, "score maze layer head"]
    permuted: Float[np.ndarray, "score either other"]

    @property
    def beyond(self) -> Float[np.ndarray, "score maze layer head"]:
        """By how much the share is beyond chance."""
        return self.share - self.chance


def open_neighbours(s: Scene) -> Keys:
    """Listed tokens of cells one open step from here, but for the cell the path came from."""
    return lattice_neighbours(s) & (s.away(s.apart) == 1)


def lattice_neighbours(s: Scene) -> Keys:
    """Listed tokens of cells next to here, behind passages or walls, but for the cell the path came from."""
    row, col = np.divmod(np.arange(s.mazes.rows * s.mazes.cols), s.mazes.cols)
    steps = abs(row[:, None] - row) + abs(col[:, None] - col)
    beside = s.away(np.broadcast_to(steps, (len(s.mazes), *steps.shape))) == 1
    return s.listed & beside & (s.named != s.came[:, :, None])


def edge_end(s: Scene, *, back: int) -> Keys:
    """The last token that names a cell, or the last but one: 1 and 3 tokens back where `a <--> b ;` is written."""
    behind = np.cumsum(s.listed[:, :, ::-1], axis=2)[:, :, ::-1]
    return s.listed & (behind == back)


def edges_here(s: Scene) -> Keys:
    """The `;` of edges that end here, but for the edge by which the path came."""
    touches = (s.ended[:, None] == s.here[:, :, None, None]).any(axis=-1)
    back = (s.ended[:, None] == s.came[:, :, None, None]).any(axis=-1) & (s.came != NO_CELL)[..., None]
    return s.before & touches & ~back


def goal_token(s: Scene) -> Keys:
    """The token that tells the goal."""
    return s.inside(GOAL)


def start_token(s: Scene) -> Keys:
    """The token that tells the start."""
    return s.inside(START)


def token_before(s: Scene) -> Keys:
    """The token just before."""
    return np.arange(s.tokens.ids.shape[1]) == s.query[:, :, None] - 1


def same_cell(s: Scene) -> Keys:
    """Listed tokens of the cell here."""
    return s.listed & (s.named == s.here[:, :, None])


def cell_left(s: Scene) -> Keys:
    """Tokens, wherever they stand, of the cell the path came from."""
    return s.cells & (s.named == s.came[:, :, None])


def path_so_far(s: Scene) -> Keys:
    """The path's tokens before the one just before."""
    return s.inside(PATH) & ~token_before(s)


def listed(s: Scene) -> Keys:
    """Tokens that name a cell in the list of edges."""
    return s.listed


def cells(s: Scene) -> Keys:
    """Tokens that name a cell."""
    return s.cells


def edge_stops(s: Scene) -> Keys:
    """The `;` of all edges."""
    return s.before & (s.ended[:, None, :, 0] != NO_CELL)


def earlier(s: Scene) -> Keys:
    """All tokens before."""
    return s.before


SCORES: dict[str, Score] = {
    "adjacency": Score((open_neighbours,), listed),
    "passage": Score((open_neighbours,), lattice_neighbours),
    "connectivity": Score((partial(edge_end, back=1), partial(edge_end, back=2)), listed, AT_EDGES),
    "edges_here": Score((edges_here,), edge_stops),
    "goal": Score((goal_token,), cells),
    "start": Score((start_token,), cells),
    "previous_token": Score((token_before,), earlier),
    "same_cell": Score((same_cell,), listed),
    "backtracking_avoidance": Score((cell_left,), cells, against=True),
    "path_history": Score((path_so_far,), cells),
}


def score_heads(
    model: HookedTransformer,
    mazes: MazeBatch,
    paths: PathBatch,
    *,
    seed: int,
    scores: Mapping[str, Score] = SCORES,
    progress: Progress | None = None,
) -> HeadScores:
    """Every score of every head on mazes and paths; prompts name their edges in an order drawn from (`seed`, maze).

    `progress` is called with (mazes done, mazes). Raises ValueError for a language that has no token for each cell.
    """
    layers, heads = range(model.cfg.n_layers), model.cfg.n_heads
    shape = (len(scores), len(mazes), len(layers), heads)
    share, chance = np.full(shape, np.nan), np.full(shape, np.nan)
    varied = np.zeros((len(scores), len(layers) * heads, len(layers) * heads))
    for which, tokens, read in patterns(model, mazes, paths, seed=seed, values=True, progress=progress):
        scenes = {at: scene(mazes[which], tokens, at) for at in {score.at for score in scores.values()}}
        asked = {
            at: np.concatenate([rows_of(read[Site("pattern", layer)], where.query) for layer in layers], axis=2)
            for at, where in scenes.items()
        }
        raises = [raises_itself(model, layer, read[Site("v", layer)], tokens.ids) for layer in layers]
        signs = -np.sign(np.concatenate(raises, axis=1))
        for number, score in enumerate(scores.values()):
            targets, among = _masks(score, scenes[score.at])
            given = asked[score.at]
            found = mass(given, targets, among, signs if score.against else np.ones_like(signs))
            for kept, each in zip((share, chance), found, strict=True):
                kept[number, which] = each.reshape(-1, *shape[2:])
            varied[number] += covariance(given, targets, among)
    counted = (~np.isnan(share[:, :, 0, 0])).sum(axis=1)[:, None, None]
    return HeadScores(tuple(scores), share, chance, varied / np.maximum(counted, 1) ** 2)


@torch.inference_mode()
def raises_itself(
    model: HookedTransformer, layer: int, values: torch.Tensor, ids: np.ndarray
) -> Float[np.ndarray, "maze head key"]:
    """By how much what each head writes from a token raises that token's own logit above the mean of all cells'.

    Up to the scale of the final layer norm, which is positive: what counts is the sign.
    """
    attn, tokens = model.blocks[layer].attn, torch.from_numpy(ids).long().to(values.device)
    cell_ids = torch.from_numpy(model.maze_tokenizer.vocabulary.cell_ids.flatten()).long().to(values.device)
    reads = model.ln_final.w[:, None] * model.unembed.W_U
    reads = reads - reads.mean(dim=0)  # the layer norm takes the mean over d_model away
    reads = reads - reads[:, cell_ids].mean(dim=1, keepdim=True)
    own = torch.einsum("hed,mkd->mkhe", attn.W_O, reads.T[tokens])
    return torch.einsum("mkhe,mkhe->mhk", own, values).cpu().numpy()


def mass(
    asked: Patterns,
    targets: Bool[np.ndarray, "part maze query key"],
    among: Keys,
    signs: Float[np.ndarray, "maze head key"],
) -> tuple[PerHead, PerHead]:
    """The share of attention on targets, signed, and by chance, a maze's queries averaged; nan where none counts."""
    counts = counting(targets, among)
    signed, on_all = asked * signs[:, None], np.einsum("mqhk,mqk->mqh", asked, among, dtype=np.float64)
    comparable = np.maximum(among.sum(axis=-1), 1)[..., None]
    share, chance = [], []
    for target in targets:
        share.append(_mean(np.einsum("mqhk,mqk->mqh", signed, target, dtype=np.float64), counts))
        chance.append(_mean(on_all / comparable * target.sum(axis=-1)[..., None], counts))
    return len(targets) * np.min(share, axis=0), len(targets) * np.min(chance, axis=0)


def _masks(score: Score, where: Scene) -> tuple[Bool[np.ndarray, "part maze query key"], Keys]:
    """The targets of a score, and what it is compared with; both empty for a query that nobody asks."""
    among = score.among(where)
    return np.stack([target(where) & among for target in score.targets]), among


def _mean(values: Float[np.ndarray, "maze query head"], counts: Bool[np.ndarray, "maze query"]) -> PerHead:
    asked = counts.sum(axis=1)[:, None]
    total = np.where(counts[..., None], values, 0.0).sum(axis=1)
    return np.where(asked > 0, total / np.maximum(asked, 1), np.nan)
