"""Can the goal be moved inside the network, so that the model walks to another cell than its prompt names?

Each test maze is read with its own goal, and the network's reading is changed: by goal vectors (what a goal adds to the
stream where prompts differ in the goal only), added for the new goal, taken away for the old one, or both; by putting
in place of the goal's token what another maze's prompt holds of the new goal; and by what single heads write of goals.
Success is a shortest path to the new goal; beside it stand the goal really moved in the prompt, no change, and changes
as large in random directions. Depth, place and strength are chosen on validation mazes, behind the first layer or
deeper: before it a goal is its token's embedding and nothing else. Published of a policy that walks to cheese (arXiv
2310.08043): taking the goal's vector away works, adding one does next to nothing, and success falls with the distance
of the new goal from the old way (.9 at 0). Predictions: success falls with that distance more than that of goals really
moved; taking away keeps the model from its old goal more often than adding brings it to the new one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from maze_interp import mazes, seeds, steering, training
from maze_interp.experiments import retarget_page as page
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress, counter
from maze_interp.mazes import PathBatch
from maze_interp.models import HookedTransformer, Site
from maze_interp.steering import Change, retargeting
from maze_interp.steering.retargeting import GOALS, GoalWish, Vectors
from maze_interp.tables import Row, mean, paired_difference, proportion

SUMS = {page.BOTH: (1.0, 1.0), page.ADD: (1.0, 0.0), page.SUBTRACT: (0.0, 1.0)}


@dataclass(frozen=True)
class Settings:
    """The run; how many test mazes, and validation mazes, are walked; how many goal vectors are averaged over.

    `strengths` are those to choose from on validation mazes.
    """

    run: str = ""
    mazes: int = 300
    learn: int = 60
    strengths: tuple[float, ...] = (1.0, 2.0)
    seed: int = 0


@dataclass(frozen=True)
class Walks:
    """What walking takes: the model, the wish, and who is told of each walk."""

    model: HookedTransformer
    wish: GoalWish
    told: Callable[[], None]

    def __call__(self, changes: Sequence[Change] = ()) -> PathBatch:
        """The paths behind the prompts read with the changes."""
        self.told()
        return steering.walk(self.model, self.wish.told, self.wish.prompts, changes).paths


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Success of every way to move the goal beside its controls, by distance. Counts walks."""
    trained = training.open_run(settings.run)
    model, seed = trained.model(), seeds.derive(settings.seed, "retarget")
    if not settings.strengths:
        raise ValueError("name one strength or more")
    learned, unseen = (
        mazes.take(trained.recipe.world, count, seed=seed, split=split)[0]
        for count, split in ((settings.learn, mazes.TRAIN), (settings.mazes, mazes.VALIDATION))
    )
    tried, wish = (
        retargeting.goal_wishes(batch, model.maze_tokenizer, seed=seed)
        for batch in (unseen, held_out_mazes(trained, settings.mazes, seed=seed))
    )
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    told = counter(progress, (layers - 1) * len(GOALS) * len(settings.strengths) + layers * (heads + 1) + 10)
    vectors = retargeting.goal_vectors(model, learned, seed=seed)
    chosen = _chosen(Walks(model, tried, told), vectors, settings)
    best = max(chosen, key=lambda row: row.value)
    walks = Walks(model, wish, told)
    paths = _paths(walks, vectors, best, seed)
    single = _heads(walks, learned, best.what["strength"], seed)
    return findings(wish, paths, single, chosen, best, settings.seed)


def findings(
    wish: GoalWish,
    paths: dict[str, PathBatch],
    single: dict[tuple[int, int], PathBatch],
    chosen: Sequence[Row],
    best: Row,
    seed: int,
) -> Findings:
    """Shares, differences and pictures of the paths that each way gave."""
    solved = {way: _solves(wish, own) for way, own in paths.items()}
    ends = {way: (_last(own) == wish.wished.goal, _last(own) == wish.told.goal) for way, own in paths.items()}
    rows = [
        proportion(measure, found, way=way)
        for way in paths
        for measure, found in ((page.SOLVES, solved[way]), (page.NEW, ends[way][0]), (page.OLD, ends[way][1]))
    ]
    differences = [
        paired_difference(
            "taking away leaves, less adding brings", ~ends[page.SUBTRACT][1], ends[page.ADD][0], seed=seed
        ),
        paired_difference("both beyond random", solved[page.BOTH], solved[page.RANDOM], seed=seed),
        paired_difference("really moved, less both", solved[page.PROMPT], solved[page.BOTH], seed=seed),
    ]
    by_distance = [
        proportion(page.SOLVES, solved[way][wish.distance == steps], way=way, distance=int(steps))
        for way in page.SHOWN
        for steps in np.unique(wish.distance)
    ]
    slopes = [
        mean(f"change a step of distance, {way}", _slope(wish.distance, solved[way]), seed=seed)
        for way in (page.PROMPT, page.BOTH)
    ]
    lost = _slope(wish.distance, solved[page.BOTH].astype(float) - solved[page.PROMPT])
    differences += [*slopes, mean(page.STEEPER, lost, seed=seed)]
    by_head = [
        proportion(page.SOLVES, _solves(wish, own), layer=layer, head=head) for (layer, head), own in single.items()
    ]
    return Findings(
        heading="Moving the goal inside the network",
        sentences=page.sentences(rows, differences, by_head, best),
        tables={
            "success": rows,
            "differences": differences,
            "by_distance": by_distance,
            "heads": by_head,
            "where": chosen,
        },
        figures=page.pictures(by_distance, by_head, chosen, best),
        numbers={
            **{f"{row.what['way']}: {row.measure}": row.value for row in rows},
            **{row.measure: row.value for row in differences},
            "layer": float(best.what["layer"]),
        },
    )


def _chosen(walks: Walks, vectors: Sequence[Vectors], settings: Settings) -> list[Row]:
    """Success of both vectors at each depth, place and strength."""
    rows = []
    for place in GOALS:
        for layer in range(walks.model.cfg.n_layers - 1):
            for strength in settings.strengths:
                changes = retargeting.toward(
                    walks.wish, strength * vectors[layer + 1], Site("resid_post", layer), place
                )
                what = {"place": place, "layer": layer, "strength": strength}
                rows.append(proportion(page.SOLVES, _solves(walks.wish, walks(changes)), **what))
    return rows


def _paths(walks: Walks, vectors: Sequence[Vectors], best: Row, seed: int) -> dict[str, PathBatch]:
    place, layer, strength = (best.what[key] for key in ("place", "layer", "strength"))
    at, wish, model = Site("resid_post", layer), walks.wish, walks.model
    ways = {
        way: retargeting.toward(wish, strength * vectors[layer + 1], at, place, add=add, subtract=subtract)
        for way, (add, subtract) in SUMS.items()
    }
    for way, beside in ((page.RANDOM, page.BOTH), (page.RANDOM_AWAY, page.SUBTRACT)):
        ways[way] = [
            Change(one.site, one.where, steering.astray(one.edit, seed=seeds.derive(seed, way, word)))
            for word, one in enumerate(ways[beside])
        ]
    deep = range(1, model.cfg.n_layers + 1)
    ways[page.TOKEN] = retargeting.transplanted(model, wish, [layer + 1], seed=seed)
    ways[page.TOKENS] = retargeting.transplanted(model, wish, list(deep), seed=seed)
    ways[page.OWN] = retargeting.transplanted(model, wish, list(deep), seed=seed, own=True)
    paths = {way: walks(changes) for way, changes in ways.items()}
    walks.told()
    really = steering.walk(model, wish.wished, wish.rewritten).paths
    return {page.PROMPT: really, **paths, page.UNTOUCHED: walks()}


def _heads(walks: Walks, learned: mazes.MazeBatch, strength: float, seed: int) -> dict[tuple[int, int], PathBatch]:
    """The paths when what one head writes of goals is moved, at all words from the goal's token on; -1: all heads."""
    found = {}
    for layer in range(walks.model.cfg.n_layers):
        written = retargeting.head_vectors(walks.model, learned, layer, seed=seed)
        for head, vectors in [(-1, np.sum(written, axis=0)), *enumerate(written)]:
            changes = retargeting.toward(walks.wish, strength * vectors, Site("resid_post", layer), "both")
            found[layer, head] = walks(changes)
    return found


def _solves(wish: GoalWish, paths: PathBatch) -> Bool[np.ndarray, " maze"]:
    return mazes.paths.optimal(wish.wished, paths)


def _last(paths: PathBatch) -> np.ndarray:
    """Each path's last cell; NO_CELL of one without any."""
    cells = paths.cells[np.arange(len(paths)), np.maximum(paths.length - 1, 0)]
    return np.where(paths.length > 0, cells, mazes.NO_CELL)


def _slope(distance: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """Values, one a maze, whose mean is the slope of success over distance by least squares."""
    away = distance - distance.mean()
    return away * (solved - solved.mean()) / max(float((away**2).mean()), 1e-12)
