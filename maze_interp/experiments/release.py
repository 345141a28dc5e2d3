"""Publish a trained run: its model in the layout of the Hugging Face hub, and everything its card states measured.

All numbers come from one go, on the very files that are published: the experiment `behaviour` asks them, beside its
controls, about mazes that the run never read; the weights in float16 are asked whether they decide as those in
float32 did. What a run read is drawn again from its recipe, so it is first made sure that this version still draws
what was read then.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from maze_interp import mazes, models, recipes, seeds, storage, training
from maze_interp.experiments import behaviour, model_card
from maze_interp.experiments.model_card import Agreement, Card
from maze_interp.mazes import Endpoints, MazeBatch, World
from maze_interp.models import HookedTransformer, manifest, published
from maze_interp.tables import Row, proportion
from maze_interp.training import TrainingRun, seen

Progress = Callable[[int, int], None]
ALIKE = 0.9  # the least correlation of the first step with itself taken again
PATHS, DECISIONS = 0.995, 0.999  # the least share of paths and of decisions that float16 must leave as they are
STAGES = 4


@dataclass(frozen=True)
class Settings:
    """On how many test mazes it is measured, how many checkpoints go with it, none earlier than step `since` (see
    `spaced`), and the format of weights; "auto": float16 if that decides alike."""

    mazes: int = 2000
    checkpoints: int = 0
    format: Literal["auto", "float16", "float32"] = "auto"
    seed: int = 0
    since: int = 1

    def __post_init__(self) -> None:
        if self.mazes < 1 or self.checkpoints < 0 or self.since < 1:
            asked = f"{self.mazes}, {self.checkpoints}, {self.since}"
            raise ValueError(f"mazes must be at least 1, checkpoints 0 or more and since 1 or more, not {asked}")


def publish(run: str | Path, out: str | Path, settings: Settings, progress: Progress | None = None) -> Card:
    """Write the published form of a finished run into the new folder `out`, which names it; returns what its card says.

    `progress` counts stages. Raises ValueError for a run that was published before, and for one whose mazes this
    version would not draw again unless it keeps them (`training.seen.keep_mazes`).
    """
    trained = training.open_run(run)
    if trained.published:
        raise ValueError(f"{trained.folder} is a published model: publish the run that it was made from")
    told = _stages(progress)
    _check_mazes(trained)
    recipe, line = _named(trained.recipe, Path(out).name), seen.lineage(trained)
    model, asked = trained.model(), _asked(trained, settings)
    with storage.folder_atomically(out) as folder:
        agreement = decisions_kept(model, published.as_stored(model, folder / "model.safetensors"), asked)
        kept = agreement.paths >= PATHS and agreement.decisions >= DECISIONS
        format = settings.format if settings.format != "auto" else "float16" if kept else "float32"
        told()
        steps = _write(trained, recipe, model, folder, format, settings)
        told()
        measured = [TrainingRun(folder), *line[1:]]  # as its recipe no longer names folders, they are handed over
        found = behaviour.run(behaviour.Settings(str(folder), settings.mazes, 0, settings.seed), line=measured)
        told()
        rows = [*found.tables["rollouts"], *found.tables["teacher_forced"], *_elsewhere(folder, asked, settings.seed)]
        card = Card(
            name=Path(out).name, recipe=recipe, rows=rows, numbers=dict(found.numbers), metrics=trained.metrics,
            format=format, agreement=agreement, given=_given(settings), steps=steps, packaged=_packaged(recipe),
            kept=seen.keeps_mazes(trained), line_known=seen.whole(line) and all(map(_same_mazes, line[1:])),
        )  # fmt: skip
        storage.write_text_atomically(folder / "behaviour.json", json.dumps(_numbers(card), indent=2) + "\n")
        storage.write_text_atomically(folder / "README.md", model_card.write(card))
        manifest.write(folder)
        told()
    return card


def decisions_kept(model: HookedTransformer, stored: HookedTransformer, asked: MazeBatch) -> Agreement:
    """How far the stored weights decide as the model does: on greedy paths, and on every token of the shortest path."""
    solutions = mazes.solve(asked)
    paths = [models.rollout(one, asked) for one in (model, stored)]
    tokens = model.maze_tokenizer.encode(asked, solutions, seed=0)
    graded = np.asarray(tokens.graded)
    one, two = (models.forced_logits(each, tokens)[graded] for each in (model, stored))
    same = (paths[0].length == paths[1].length) & (paths[0].cells == paths[1].cells).all(axis=1)
    return Agreement(
        mazes=len(asked),
        paths=float(same.mean()),
        asked=len(one),
        decisions=float((one.argmax(-1) == two.argmax(-1)).mean()),
        furthest=float(np.abs(one - two).max()),
        exact=(
            float(mazes.paths.exact(paths[0], solutions).mean()),
            float(mazes.paths.exact(paths[1], solutions).mean()),
        ),
    )


def _check_mazes(trained: TrainingRun) -> None:
    """Raise ValueError unless what the run read is known."""
    again = 1.0 if seen.keeps_mazes(trained) else seen.first_step_again(trained)
    if not again >= ALIKE:  # nan: its checkpoint of step 1 is gone
        raise ValueError(
            f"{trained.folder} read other mazes than this version draws for its recipe (its first step, taken again, "
            f"correlates with it at {again:.2f}), so that none of its test mazes was read cannot be counted; draw what "
            f"it read with the version it was trained by, and keep it with training.seen.keep_mazes"
        )


def _same_mazes(run: TrainingRun) -> bool:
    """Whether this version draws what a run has read, as far as its first checkpoint is there to tell."""
    return seen.keeps_mazes(run) or not seen.first_step_again(run) < ALIKE


def _named(recipe: training.TrainingRecipe, name: str) -> training.TrainingRecipe:
    """The recipe under the model's name, with the packaged one's reason if they ask for the same; without folders."""
    dataset, begins_from = Path(recipe.dataset).name, Path(recipe.begins_from).name
    recipe = replace(recipe, name=name, dataset=dataset, begins_from=begins_from)
    same = _packaged(recipe)
    return replace(recipe, reason=training.find(same).reason) if same else recipe


def _packaged(recipe: training.TrainingRecipe) -> str:
    """The name of a packaged recipe that asks for the same training, the model's own name first, or ""."""
    known = sorted(training.names(), key=lambda name: name != recipe.name)
    return next((name for name in known if training.recipe.alike(training.find(name), recipe)), "")


def _given(settings: Settings) -> tuple[str, ...]:
    """What was set, as the command line takes it."""
    return tuple(f"--set {key}={value}" for key, value in vars(settings).items() if value != getattr(Settings(), key))


def _asked(trained: TrainingRun, settings: Settings) -> MazeBatch:
    """The mazes on which the formats are compared, which are those of `behaviour`."""
    return behaviour.held_out_mazes(trained, settings.mazes, seed=seeds.derive(settings.seed, "behaviour"))


def _write(
    trained: TrainingRun, recipe: Any, model: HookedTransformer, folder: Path, format: str, settings: Settings
) -> tuple[int, ...]:
    """Write all but card and numbers; returns the steps of the checkpoints."""
    published.save(model, folder, format)
    storage.write_text_atomically(folder / "recipe.toml", recipes.to_toml(recipe))
    storage.write_text_atomically(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in trained.metrics))
    made = json.loads((trained.folder / "provenance.json").read_text())
    made.pop("command", None)  # it names folders of the machine
    storage.write_text_atomically(folder / "provenance.json", json.dumps(made, indent=2) + "\n")
    if seen.keeps_mazes(trained) or trained.recipe.dataset:
        seen.keep_mazes(folder, training.mazes_read(trained), training.mazes_seen(trained).read)
    steps = spaced([step for step in trained.checkpoints if step >= settings.since], settings.checkpoints)
    for step in steps[:-1]:  # the last is the model
        published.save_weights(trained.model(step), folder / "checkpoints" / f"step_{step:08d}.safetensors", "float16")
    manifest.write(folder)
    return steps


def spaced(steps: list[int], count: int) -> tuple[int, ...]:
    """About `count` of the steps after 0, evenly in the logarithm from a hundredth of the last (or from the first,
    if that is later) to the last.

    There are fewer where the same one is nearest twice.
    """
    later = np.array([step for step in sorted(steps) if step > 0])
    if not count or not len(later):
        return ()
    wanted = np.geomspace(later[-1], max(later[0], later[-1] / 100), count)
    nearest = np.abs(np.log(later)[:, None] - np.log(wanted)).argmin(axis=0)
    return tuple(int(step) for step in np.unique(later[nearest]))


def _elsewhere(folder: Path, asked: MazeBatch, seed: int) -> list[Row]:
    """Rows of `exact`, half as many mazes: those it read, and with ends anywhere if it was not trained so."""
    count = max(1, len(asked) // 2)
    run = training.open_run(folder)
    model, read = run.model(), training.mazes_read(run)
    chosen = np.sort(seeds.generator(seed, "read").permutation(len(read))[:count])
    batches = {model_card.READ: read[chosen]}
    world = run.recipe.world
    if isinstance(world, World) and world.endpoints != Endpoints():
        anywhere = replace(world, endpoints=Endpoints(), min_length=max(2, world.min_length))
        batches[model_card.ANYWHERE] = mazes.take(anywhere, count, seed=seed, split=mazes.TEST)[0]
    rows = []
    for walker, batch in batches.items():
        walked = models.rollout(model, batch, seed=seed)
        rows.append(proportion("exact", mazes.paths.exact(walked, mazes.solve(batch, seed=seed)), walker=walker))
    return rows


def _numbers(card: Card) -> dict[str, Any]:
    """What the card states, as JSON (null: nothing to measure it on)."""
    rows = [{**asdict(row), "what": dict(row.what)} for row in card.rows]
    whole = {
        "parameters": card.recipe.model.parameters, "world": mazes.describe(card.recipe.world), "format": card.format,
        "numbers": card.numbers, "agreement": asdict(card.agreement), "rows": rows,
    }  # fmt: skip
    return json.loads(json.dumps(whole), parse_constant=lambda _: None)


def _stages(progress: Progress | None) -> Callable[[], None]:
    done = iter(range(1, STAGES + 1))
    return lambda: progress(next(done), STAGES) if progress is not None else None
