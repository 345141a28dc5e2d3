"""Several runs asked in one experiment, and what each is called."""

from collections.abc import Sequence
from pathlib import Path


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


def _numbered(names: Sequence[str]) -> list[str]:
    return [
        f"{name} ({1 + names[:place].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]
