"""A depth-first maze with extra passages: each closed passage is opened with probability `p` (pRDFS).

Connected, with cycles. The tree is the one `depth_first` draws from the same seed.

At 6 x 6: 19.6% forks, 12.0% dead ends, 8.74 cells to a solution (`wilson`: 22.5%, 30.4%, 8.32).
"""

from typing import no_type_check

from numba import njit

from maze_interp.mazes.generators.declaration import CONNECTED, Generator, always
from maze_interp.mazes.generators.depth_first import carve_all
from maze_interp.mazes.generators.percolation import inner_edges, sprinkle


@njit(cache=True, nogil=True)
@no_type_check
def fill(passages, seed, first, p):
    """Open the passages of every maze of an all-closed batch."""
    count, _, rows, cols = passages.shape
    edges = passages.reshape(count, 2 * rows * cols)
    choices = inner_edges(rows, cols)
    streams = carve_all(passages, seed, first, True, 0, 0, -1)
    for i in range(count):
        sprinkle(edges[i], streams[i : i + 1], choices, p)


GENERATOR = Generator(
    "depth_first_percolation", fill, always(CONNECTED), uniform=False, knobs={"p": 0.1}, limits={"p": (0.0, 1.0)}
)
