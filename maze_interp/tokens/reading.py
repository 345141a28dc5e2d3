"""From token strings to ids, and what to say about a token that should not be there."""

from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from jaxtyping import Int

from maze_interp.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Reading:
    """Sequences laid end to end: sequence i is `ids[bounds[i] : bounds[i + 1]]`."""

    vocabulary: Vocabulary
    ids: Int[np.ndarray, " token"]
    bounds: Int[np.ndarray, " bound"]

    def fault(self, sequence: int, at: int, why: str) -> ValueError:
        """The error for the token at place `at` of `ids`: its sequence, its position there (from 0) and itself."""
        ended = at == self.bounds[sequence + 1]
        token = "the end" if ended else repr(self.vocabulary.tokens[self.ids[at]])
        return ValueError(f"sequence {sequence}, token {at - self.bounds[sequence]} ({token}): {why}")


def read(texts: list[str], vocabulary: Vocabulary, rows: int, cols: int) -> Reading:
    """Texts of tokens between white space, as ids.

    Raises ValueError, naming token, position and sequence, for a token that is not in the vocabulary or that names a
    cell outside a rows x cols lattice.
    """
    tokens = [text.split() for text in texts]
    bounds = np.cumsum([0, *map(len, tokens)])
    known = np.fromiter(map(vocabulary.ids.get, chain.from_iterable(tokens), repeat(-1)), np.int32, bounds[-1])
    outside = (vocabulary.cells_on(rows, cols)[known] < 0) & (known >= vocabulary.first_place)
    outside &= not vocabulary.numbers  # a number alone is no cell yet
    wrong = (known < 0) | outside
    if wrong.any():
        at = int(wrong.argmax())
        sequence = int(np.searchsorted(bounds, at, side="right")) - 1
        position = at - bounds[sequence]
        why = f"is no cell of a {rows} x {cols} maze"
        if known[at] < 0:
            why = f"is not in the vocabulary of {vocabulary.rows} x {vocabulary.cols} cells"
        raise ValueError(f"sequence {sequence}, token {position} ({tokens[sequence][position]!r}): {why}")
    return Reading(vocabulary, known, bounds)
