"""Mazes decoded by saved probes: what the model's activations say of every passage of mazes it never saw."""

import numpy as np

from maze_interp import mazes, probing, seeds, tables
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.experiments.read_maze_charts import drawn
from maze_interp.mazes import Mixture, World
from maze_interp.models import HookedTransformer

TARGET = "passage"


def decode(
    folder: str, model: HookedTransformer, world: World | Mixture, *, seed: int, progress: Progress | None = None
) -> Findings:
    """Test mazes beside what a folder's probe of passages reads of them, as many as its own test mazes.

    The control are the same answers held against another maze's passages. `progress` counts mazes read. Raises
    ValueError if the folder holds no probe of passages, or one of another model or lattice.
    """
    saved = probing.load(folder)
    own = seeds.derive(seed, "saved probes")
    batch = mazes.take(world, saved.result.recipe.unseen, seed=own, split=mazes.TEST)[0]
    asked = probing.ask(model.maze_tokenizer, batch, saved.result.recipe.position, seed=own)
    said = probing.apply(saved, TARGET, model, asked, progress=progress) > 0.5
    truth = batch.passages.reshape(len(batch), -1)[:, mazes.edge_ids(batch.rows, batch.cols)]
    other = np.roll(truth, 1, axis=0)
    right, chance = (probing.per_maze((said == of[asked.maze]).astype(float), asked) for of in (truth, other))
    known = ~np.isnan(right)
    rows = [
        tables.mean("passages read right", right[known], seed=seed, against="the maze itself"),
        tables.mean("passages read right", chance[known], seed=seed, against="another maze"),
        tables.paired_difference(
            "passages read right", right[known], chance[known], seed=seed, against="itself - another"
        ),
    ]
    itself, another, gap = rows
    best = saved.result.best[TARGET]
    return Findings(
        heading="Mazes decoded by saved probes",
        sentences=[
            f"The saved probe of {probing.name_of(best.site)} at {saved.result.recipe.position} reads "
            f"{itself.value:.1%} of the passages of {itself.n} test mazes right; held against another maze's, the same "
            f"answers are right in {another.value:.1%} (difference {gap.value:+.3f}, {gap.low:+.3f} to "
            f"{gap.high:+.3f}). When it was fitted it read {best.score:.1%} right, the majority of each passage "
            f"{_majority(saved.result):.1%}."
        ],
        tables={"decoded": rows, "scores_when_fitted": saved.result.scores},
        figures=drawn(saved.result, model, asked),
        numbers={f"right of {row.what['against']}": row.value for row in rows} | {"test_mazes": float(itself.n)},
    )


def _majority(result: probing.ProbeResult) -> float:
    wanted = (TARGET, "majority")
    return next(row.value for row in result.scores if (row.what["target"], row.what["features"]) == wanted)
