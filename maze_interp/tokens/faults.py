"""What can be wrong with a token: codes for kernels, and what is said of each.

A code of 0 or more is a token id: that token was expected.
"""

FINE = -10
CELL, ROW, COL, OUTSIDE = -11, -12, -13, -14
EDGE_OR_END, APART, TWICE, CONTRADICTS, JOINT, MISSING = -21, -22, -23, -24, -25, -26
STEP_OR_END, MOVE_OR_END, MORE = -31, -32, -33
NO_PASSAGE, NO_WAY, OFF, NO_CORRIDOR, CORRIDORS = -41, -42, -43, -44, -45
NOT_FROM_START, NO_STEP, UNCLEAR = -51, -52, -53  # of a path that is to be written

SAID = {
    CELL: "expected a cell",
    ROW: "expected the row of a cell",
    COL: "expected the column of a cell",
    OUTSIDE: "lies outside the maze",
    EDGE_OR_END: "expected a cell or <ADJLIST_END>",
    APART: "is no neighbour of the other end of its edge",
    TWICE: "closes an edge that was given before",
    CONTRADICTS: "closes an edge that was given before, as a passage and as a wall",
    JOINT: "expected <--> or <XX>",
    MISSING: "some edge of the lattice is neither among the passages nor among the walls",
    STEP_OR_END: "expected a cell or <PATH_END>",
    MOVE_OR_END: "expected a direction or <PATH_END>",
    MORE: "nothing may follow <PATH_END>",
    NO_PASSAGE: "no passage leads here from the path's cell before it",
    NO_WAY: "no passage leads this way",
    OFF: "leads off the lattice",
    NO_CORRIDOR: "no corridor leads here from the path's cell before it",
    CORRIDORS: "more than one corridor leads here from the path's cell before it",
}
