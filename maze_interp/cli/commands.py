"""The command line: quickstart | bake | gallery | train | sweep | run | import | publish | push | zoo | report.

Every command takes --set key=value for any key of its recipe or settings, --seed, --out and --help. What a command
does is what the library does under the same name; here arguments are read, bars are drawn and errors are told.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maze_interp import recipes, storage
from maze_interp.cli import telling

QUICKSTART = "quickstart"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0, or 2 for input that cannot be used, told on standard error."""
    options = parser().parse_args(arguments)
    rank = os.environ.get("RANK", "0") if os.environ.get("WORLD_SIZE", "1") != "1" else ""  # as torchrun tells it
    try:
        if rank and options.command is not train:
            raise ValueError("torchrun starts several processes, which share a run of `train` and nothing else")
        options.command(options)
    except (ValueError, FloatingPointError, OSError) as error:
        print(f"maze-interp: {f'rank {rank}: ' if rank else ''}{error}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """The argument parser of all commands."""
    top = argparse.ArgumentParser("maze-interp", description="Train maze transformers and find out how they do it.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    quick = _command(commands, "quickstart", quickstart, "train a small model for minutes and write its report")
    quick.set_defaults(out="runs/quickstart")

    bake_ = _command(commands, "bake", bake, "write a data set to disk, split by maze")
    bake_.add_argument("recipe", help="a TOML file, for example datasets/rdfs-6x6.toml")

    gallery_ = _command(commands, "gallery", gallery, "write one page of every kind of maze and every token scheme")
    gallery_.set_defaults(out="runs/gallery")

    train_ = _command(commands, "train", train, "train a model by a recipe, or go on with a run that was stopped")
    train_.add_argument("-h", "--help", dest="recipe", action=telling.Help, tells=telling.recipe)
    train_.add_argument("recipe", nargs="?", help="a TOML file or a packaged recipe (see `maze-interp train --list`)")
    train_.add_argument("--resume", metavar="FOLDER", help="go on from the newest checkpoint in FOLDER")
    train_.add_argument("--list", action="store_true", help="name the packaged recipes and why each exists")
    train_.add_argument("--track", default="none", metavar="TRACKER", help="log to wandb too (offline; see WANDB_MODE)")
    train_.add_argument("--cost", action="store_true", help="say what the recipe would cost, and train nothing")

    sweep_ = _command(commands, "sweep", sweep, "train or ask once for every combination of what varies, over workers")
    sweep_.add_argument("name", help="a TOML file, a packaged training recipe, or an experiment")
    varies = "a key and its values: seed=0..4 or model.heads=4,8; give it again for another key"
    sweep_.add_argument("--over", action="append", default=[], metavar="KEY=VALUES", help=varies)
    sweep_.add_argument("--dask", default="", metavar="ADDRESS", help="a Dask scheduler whose workers see these files")
    processes = "processes of this machine (one a core; on a GPU one)"
    sweep_.add_argument("--workers", type=int, default=0, metavar="N", help=processes)

    run_ = _command(commands, "run", run, "run an experiment on a trained model and write what it found")
    run_.add_argument("-h", "--help", dest="experiment", action=telling.Help, tells=telling.experiment)
    run_.add_argument("experiment", help="its name, for example behaviour (see --list)", nargs="?")
    run_.add_argument("--list", action="store_true", help="name the experiments and what each asks")
    run_.add_argument("--dask", default="", metavar="ADDRESS", help="train what it trains on this scheduler's workers")

    import_ = _command(commands, "import", import_model, "make a run of a model that others trained (a .zanj file)")
    import_.add_argument("file", help="a .zanj file of maze-transformer")
    import_.set_defaults(out="runs/imported")

    publish_ = _command(commands, "publish", publish, "publish a finished run: its weights, its card, its numbers")
    publish_.add_argument("run", help="the finished run's folder")

    push_ = _command(commands, "push", push, "put a published model on the Hugging Face hub")
    push_.add_argument("published", help="its folder, or the name of one of the zoo's")
    push_.add_argument("repository", metavar="OWNER/NAME", help="a repository; if there is none, a private one is made")
    push_.add_argument("--public", action="store_true", help="make it a public one")

    _command(commands, "zoo", zoo, "name the models that come with the package and the recipes that wait to be trained")

    report_ = _command(commands, "report", report, "write one page about a run and everything found out about it")
    report_.add_argument("folder", help="a training run's folder")
    return top


def quickstart(options: argparse.Namespace) -> None:
    """Train the quickstart recipe (or go on with it), then write and name its report."""
    from maze_interp import training
    from maze_interp.cli import runs

    run = training.TrainingRun(Path(options.out))
    if (run.folder / "recipe.toml").exists() and (options.settings or options.seed is not None):
        raise ValueError(
            f"{run.folder} holds a run already, which --set and --seed cannot change: choose another --out"
        )
    if not (run.folder / "recipe.toml").exists():
        runs.train(_changed(training.find(QUICKSTART), options), run.folder)
    elif not run.finished:
        runs.resume(run.folder)
    if training.TrainingRun(run.folder).finished:
        _report(run.folder)


def bake(options: argparse.Namespace) -> None:
    """Write a data set to disk."""
    from maze_interp import mazes
    from maze_interp.cli.progress import bar

    recipe = _changed(recipes.load(mazes.DatasetRecipe, options.recipe), options)
    out = Path(options.out or Path("datasets/baked") / recipe.name)
    passing = mazes.acceptance(recipe.world, seed=recipe.seed)
    print(f"{passing.value:.1%} of raw draws pass ({passing.low:.1%} to {passing.high:.1%})", file=sys.stderr)
    with bar(f"baking {recipe.name}", "maze") as progress:
        summary = mazes.bake(recipe, out, progress=progress)
    width = max(map(len, summary))
    for name, value in summary.items():
        print(f"{name:{width}}  {telling.written(value)}")
    print(f"\n{out}")


def gallery(options: argparse.Namespace) -> None:
    """Write the gallery page."""
    from maze_interp.cli.gallery import Settings
    from maze_interp.cli.gallery import gallery as write
    from maze_interp.cli.progress import bar

    settings = _changed(Settings(), options)
    with bar("gallery", "kind") as progress:
        page = write(settings, options.out, progress)
    print(f"open {page.resolve()}")


def train(options: argparse.Namespace) -> None:
    """Train by a recipe, or resume."""
    from maze_interp import training
    from maze_interp.cli import runs

    if options.list:
        for name in training.names():
            print(f"{name:24} {training.find(name).reason}")
    elif options.resume:
        if options.recipe or options.settings or options.seed is not None or options.out or options.cost:
            raise ValueError("--resume goes on in its folder: give no recipe, --set, --seed, --out or --cost beside it")
        runs.resume(Path(options.resume), options.track)
    elif options.recipe is None:
        raise ValueError("which recipe? give a TOML file or one of: " + ", ".join(training.names()))
    else:
        recipe = _changed(training.find(options.recipe), options)
        if options.cost:
            print("\n".join(telling.cost(recipe)))
        else:
            runs.train(recipe, Path(options.out or Path("runs") / recipe.name), options.track)


def run(options: argparse.Namespace) -> None:
    """Run an experiment and write its findings."""
    from maze_interp import experiments
    from maze_interp.cli import spreading
    from maze_interp.cli.progress import bar
    from maze_interp.cli.zoo import home

    if options.list or options.experiment is None:
        for name, module in experiments.EXPERIMENTS.items():
            print(f"{name:16} {(module.__doc__ or '').splitlines()[0]}")
        return
    if options.experiment not in experiments.EXPERIMENTS:
        raise recipes.unknown("experiment", options.experiment, experiments.EXPERIMENTS)
    experiment = experiments.EXPERIMENTS[options.experiment]
    settings = _changed(experiment.Settings(), options)
    if "," in getattr(settings, "run", "") and not options.out:
        raise ValueError(f"{options.experiment} of several runs belongs to none of them: say where with --out")
    out = Path(options.out or home(settings) / options.experiment)
    storage.check_free(out)  # before anything is measured
    with spreading.workers(options.dask, options.experiment) as workers, bar(options.experiment, "part") as progress:
        findings = experiment.run(settings, progress, **workers)
    experiments.write(findings, out, settings)
    for sentence in findings.sentences:
        print(sentence)
    print(f"\n{out}")


def sweep(options: argparse.Namespace) -> None:
    """Do a sweep's jobs, tell what they came to and why some failed."""
    from maze_interp.cli import spreading

    spreading.sweep(options, _settings(options))


def import_model(options: argparse.Namespace) -> None:
    """Make a run of a model that others trained."""
    from maze_interp.cli.importing import adopt

    print("\n".join(adopt(options.file, options.out, _settings(options))))


def publish(options: argparse.Namespace) -> None:
    """Publish a run."""
    from maze_interp.cli.zoo import publish as write
    from maze_interp.experiments.release import Settings

    write(options.run, options.out, _changed(Settings(), options))


def push(options: argparse.Namespace) -> None:
    """Put a published model on the hub."""
    from maze_interp import models

    if options.settings or options.seed is not None or options.out:
        raise ValueError("a model is put there as it is: push takes no --set, --seed or --out")
    print(models.push(options.published, options.repository, options.public))


def zoo(options: argparse.Namespace) -> None:
    """Tell the models of the zoo."""
    from maze_interp.cli.zoo import zoo as tell

    tell(options)


def report(options: argparse.Namespace) -> None:
    """Write a run's report."""
    if options.settings or options.seed is not None:
        raise ValueError("a report shows what was measured: `maze-interp run` takes --set and --seed")
    _report(Path(options.folder), options.out)


def _command(commands: Any, name: str, function: Any, said: str) -> argparse.ArgumentParser:
    described = said[0].upper() + said[1:] + "."
    made = commands.add_parser(name, help=said, description=described, conflict_handler="resolve")
    made.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    made.add_argument("--seed", type=int, help="the seed of everything random in it")
    made.add_argument("--out", metavar="DIR", help="where to write")
    made.set_defaults(command=function)
    return made


def _changed(recipe: Any, options: argparse.Namespace) -> Any:
    """The recipe with the command line's --set and --seed applied."""
    return recipes.override(recipe, _settings(options))


def _settings(options: argparse.Namespace) -> dict[str, str]:
    """What --set and --seed say, by key."""
    settings = {}
    for text in options.settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set {text}: give it as key=value")
        settings[key] = value
    if options.seed is not None:
        settings["seed"] = str(options.seed)
    return settings


def _report(folder: Path, out: str | None = None) -> None:
    from maze_interp.cli.report import report as write

    page = write(folder, out)
    from maze_interp import experiments, models

    for sentence in experiments.read(models.kept_at(folder) / "behaviour").sentences:
        print(sentence)
    print(f"\nopen {page.resolve()}")


if __name__ == "__main__":
    sys.exit(main())
