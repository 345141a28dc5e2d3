"""Ranges: what varies in a sweep, as the command line says it.

    seed=0..4                   0, 1, 2, 3 and 4: both ends are in it
    model.heads=4,8             a list
    seed=0..2,7                 both
    probe.sites=[1,2],[3]       a comma inside brackets or quotes separates nothing

What a value means is left to the recipe whose key it is.
"""

import re
from collections.abc import Sequence

MOST = 10_000  # jobs in a sweep: more is surely a slip of the hand
OUTSIDE = re.compile(r',(?=(?:[^"\[\]]|"[^"]*"|\[[^\]]*\])*$)')  # a comma outside quotes and brackets
SPAN = re.compile(r"(-?\d+)\.\.(-?\d+)")
LIKE_A_SPAN = re.compile(r"[-+\d.]*\.\.[-+\d.]*")


def parse(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Keys and the texts of their values, in order. Raises ValueError saying which of `texts` is none, and why."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, listed = text.partition("=")
        if not (key and equals):
            raise ValueError(f"--over {text}: give it as key=first..last or key=value,value")
        if key in found:
            raise ValueError(f"--over {text}: {key} is given twice")
        found[key] = tuple(value for item in OUTSIDE.split(listed) for value in _values(item, text))
    return found


def _values(item: str, text: str) -> list[str]:
    """What one item between commas stands for."""
    if not item:
        raise ValueError(f"--over {text}: a value is missing")
    span = SPAN.fullmatch(item)
    if span is None:
        if LIKE_A_SPAN.fullmatch(item):
            raise ValueError(f"--over {text}: {item} is no range; give whole numbers as first..last")
        return [item]
    first, last = map(int, span.groups())
    if first > last:
        raise ValueError(f"--over {text}: {item} is empty, as {first} is more than {last}")
    if last - first >= MOST:
        raise ValueError(f"--over {text}: {item} is more than {MOST:,} values")
    return [str(value) for value in range(first, last + 1)]
