"""The zoo: models that come with the package, found by name wherever a run or a model is asked for.

A folder of that name goes first. The package itself is never written into: what is found out about the zoo's NAME is
kept in runs/NAME.
"""

from importlib import resources
from pathlib import Path

from maze_interp import recipes
from maze_interp.models.manifest import MANIFEST

RUNS = Path("runs")


def names() -> list[str]:
    """The models that come with the package."""
    found = _zoo().glob("[!.]*/config.json")  # what is being written has a name with a dot
    return sorted(path.parent.name for path in found)


def locate(given: str | Path) -> Path:
    """The folder that is meant: the one given, or that of the zoo's model of this name.

    Raises ValueError, with the nearest name, for a bare name that is neither.
    """
    path = Path(given)
    if path.exists() or len(path.parts) != 1:
        return path
    if str(given) not in names():
        raise recipes.unknown("model (of the zoo, or a folder)", given, names())
    return of_the_zoo(str(given))


def of_the_zoo(name: str) -> Path:
    """The folder of a model that comes with the package, whatever else has its name. ValueError if it is not whole."""
    if not (_zoo() / name / MANIFEST).exists():
        raise ValueError(f"the zoo's {name} is incomplete: {_zoo() / name} has no {MANIFEST}")
    return _zoo() / name


def is_of_the_zoo(folder: str | Path) -> bool:
    """Whether a folder belongs to the package, so that nothing may be written into it."""
    return Path(folder).resolve().parent == _zoo().resolve()


def kept_at(given: str | Path) -> Path:
    """Where findings about a run are kept: in its folder or, for the zoo's model NAME, in runs/NAME.

    Raises ValueError if a run of one's own lies there, whose findings these are not.
    """
    folder = locate(given)
    if not is_of_the_zoo(folder):
        return folder
    if (RUNS / folder.name / "recipe.toml").exists():
        raise ValueError(
            f"{RUNS / folder.name} is a run of its own, not the zoo's model: say with --out where to write"
        )
    return RUNS / folder.name


def _zoo() -> Path:
    return Path(str(resources.files("maze_interp.models"))) / "zoo"
