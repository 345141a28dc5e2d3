"""The memory of a token batch, in one piece."""

import numpy as np
from jaxtyping import Int

from maze_interp.tokens.batch import TokenBatch


def blank(length: Int[np.ndarray, " maze"]) -> TokenBatch:
    """A batch of sequences of these lengths, padded to the longest, whose contents are yet to be written.

    The arrays share one block: the allocator hands such a block back whole to the next batch, where four blocks
    would return to the system and cost far more in page faults than the writing itself.
    """
    shape = len(length), int(length.max(initial=0))
    size = shape[0] * shape[1]
    block = np.empty(10 * size, np.uint8)
    return TokenBatch(
        ids=block[: 4 * size].view(np.int32).reshape(shape),
        cell=block[4 * size : 8 * size].view(np.int32).reshape(shape),
        part=block[8 * size : 9 * size].view(np.int8).reshape(shape),
        graded=block[9 * size :].view(np.bool_).reshape(shape),
        length=length,
    )
