"""Several runs asked in one experiment, and what each is called."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from maze_interp.training import TrainingRecipe, varied


def named(folders: str) -> dict[str, str]:
    """The folders in a text, separated by commas, by their own names.

    Those that are called alike go by all of their path, and one that is given twice is numbered.
    """
    given = [folder.strip() for folder in folders.split(",")]
    short = [Path(folder).name for folder in given]
    whole = [
        name if len({other for other, called in zip(given, short, strict=True) if called == name}) == 1 else folder
        for name, folder in zip(short, given, strict=True)
    ]
    return dict(zip(_numbered(whole), given, strict=True))


def computed(asked: Mapping[str, TrainingRecipe]) -> list[str]:
    """In which number formats they were trained, where these differ: no setting, but it may matter."""
    formats = {
        recipe.dtype: [name for name, one in asked.items() if one.dtype == recipe.dtype] for recipe in asked.values()
    }
    if len(formats) < 2:
        return []
    listed = "; ".join(f"{', '.join(names)} in {dtype}" for dtype, names in formats.items())
    return [f"They were not all trained in the same number format, which is told together with what differs: {listed}."]


def elsewhere(names: Sequence[str]) -> list[str]:
    """Whose training is not known."""
    return [f"How {', '.join(names)} came to be is not known: trained elsewhere."] if names else []


def beside(asked: Mapping[str, TrainingRecipe], meant: str) -> list[str]:
    """What runs differ in besides the one key that is asked about, seeds and number formats among it."""
    others = [key for key in varied(list(asked.values())) if key != meant]
    said = [f"They differ in more than {meant}, which is told together with it: {', '.join(others)}."] if others else []
    return [*said, *computed(asked)]


def _numbered(names: Sequence[str]) -> list[str]:
    return [
        f"{name} ({1 + names[:place].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]
