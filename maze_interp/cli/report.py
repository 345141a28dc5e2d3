"""A run and everything found out about it, as one page that opens anywhere and asks nothing of any network."""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from maze_interp import experiments, figures, mazes, models, recipes, training
from maze_interp.cli.progress import bar
from maze_interp.experiments.findings import FINDINGS, Findings
from maze_interp.figures import Section, Table
from maze_interp.tables import proportion
from maze_interp.training import TrainingRun

PAGE = "report.html"
ALWAYS = ("behaviour", "attention")  # measured for every report; other findings in the folder are added to it


def report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write report.html into `out` (the run's folder, if not given) and return its path.

    Experiments that every report needs are run if they were not, and their findings kept in the run's folder (the
    zoo's: see `models.kept_at`). Raises ValueError if the folder holds no finished training run.
    """
    run, home = training.open_run(folder), models.kept_at(folder)
    for name in ALWAYS:
        if not (home / name / FINDINGS).exists():
            experiment = experiments.EXPERIMENTS[name]
            settings = experiment.Settings(run=str(folder))
            with bar(name, "maze") as progress:
                experiments.write(experiment.run(settings, progress), home / name, settings)
    found = {path.parent.name: experiments.read(path.parent) for path in sorted(home.glob(f"*/{FINDINGS}"))}
    ordered = [found[name] for name in ALWAYS] + [found[name] for name in found if name not in ALWAYS]
    learned = [curves(run)] if run.metrics else []
    sections = [trained(run), *learned, *map(experiments.section, ordered)]
    title = f"{run.recipe.name}: a transformer that walks mazes"
    return figures.write_page(Path(out or home) / PAGE, title, sections, lead=lead(ordered[0]))


def lead(behaviour: Findings) -> str:
    """The page's first sentence."""
    return behaviour.sentences[0]


def trained(run: TrainingRun) -> Section:
    """What was trained, on what, for how long and where."""
    recipe, model = run.recipe, run.model()
    made = json.loads((run.folder / "provenance.json").read_text())
    weights = sum(weight.numel() for weight in models.weights_of(model).values())
    elsewhere = training.trained_elsewhere(run)
    world = mazes.describe(recipe.world) + (f", {recipe.dataset}" if recipe.dataset else "")
    facts = [
        ["world", world],
        ["vocabulary", f"{recipe.model.rows} x {recipe.model.cols} cells, {recipe.model.order}, {recipe.model.scheme}"],
        ["model", f"{recipe.model.layers} layers, d_model {recipe.model.d_model}, {recipe.model.heads} heads"],
        ["positions", recipe.model.positions],
        ["parameters", f"{weights:,}"],
        *(_came_from(made[training.adopted.SOURCE]) if elsewhere else _training(run, made)),
        ["made with", ", ".join(f"{name} {version}" for name, version in made["packages"].items())],
        ["commit", str(made["commit"])],
        ["seed", str(recipe.seed)],
    ]
    said = [recipe.reason] if recipe.reason else []
    return Section("What was trained", [*said, Table(["", "setting"], facts), "Its recipe:", recipe_markup(run)])


def _training(run: TrainingRun, made: dict[str, Any]) -> list[list[str]]:
    last, recipe = run.metrics[-1], run.recipe
    return [
        ["training", f"{last['step']:,} steps of {recipe.mazes_per_step} mazes x {recipe.paths_per_maze} paths"],
        ["time", f"{last['seconds'] / 60:.1f} minutes"],
        ["machine", made["platform"]],
    ]


def _came_from(source: dict[str, Any]) -> list[list[str]]:
    return [["training", "elsewhere, unknown here"], ["file", source["file"]], ["its SHA-256", source["sha256"]]]


def recipe_markup(run: TrainingRun) -> figures.Html:
    """The recipe as preformatted text."""
    return figures.Html(
        f"<details><summary>recipe.toml</summary><pre>{escape(recipes.to_toml(run.recipe))}</pre></details>"
    )


def curves(run: TrainingRun) -> Section:
    """Loss and exact-solve share over training, the latter with its interval."""
    rows = run.metrics
    paths = run.recipe.mazes_per_step * run.recipe.paths_per_maze
    shares = [
        proportion("exact", np.arange(r["validation_mazes"]) < round(r["exact"] * r["validation_mazes"])) for r in rows
    ]
    points = [
        {**row, "mazes": row["step"] * run.recipe.mazes_per_step, "low": share.low, "high": share.high}
        for row, share in zip(rows, shares, strict=True)
    ]
    loss = figures.series(points, "training loss", "loss", x="mazes")
    exact = figures.series(points, "solved exactly", "exact", x="mazes", low="low", high="high")
    figure = figures.training_curves(
        [loss],
        [exact],
        title=f"{rows[-1]['exact']:.0%} of held-out mazes are walked exactly at the end",
        x="mazes read",
    )
    kept = f"of the same {run.recipe.only_first:,}" if run.recipe.only_first else "fresh"
    said = (
        f"Each step reads {run.recipe.mazes_per_step} {'baked' if run.recipe.dataset else kept} mazes and {paths} "
        f"paths through them. The loss is in nats per token ({run.recipe.loss} tokens); the share is of "
        f"{rows[-1]['validation_mazes']} held-out mazes."
    )
    return Section("How it learned", [said, figure])
