"""Shifts of distribution: each changes one thing that a model was used to, and nothing else.

A shift starts from the model's home, its training world and its language. To add one, write a line in SHIFTS.
"""

from itertools import product

from maze_interp import recipes
from maze_interp.behaviour.shifts.constraints import CONSTRAINTS, OUTCOMES, arrival, outcomes, reachable
from maze_interp.behaviour.shifts.control import Matched, length_matched
from maze_interp.behaviour.shifts.declaration import (
    AS_TRAINED,
    Home,
    Shift,
    ShiftedSet,
    home_of,
    unshifted,
)
from maze_interp.behaviour.shifts.measuring import (
    AT_HOME,
    BASELINE,
    SAME_LENGTH,
    TRAINED,
    UNTRAINED,
    WALKERS,
    Measured,
    measure,
)
from maze_interp.behaviour.shifts.passages import (
    anywhere,
    branch_cut_off,
    crosses,
    cut_off,
    foreign,
    from_start_to_goal,
    percolated,
    thinned,
)
from maze_interp.behaviour.shifts.wording import (
    along_path,
    either_first,
    lower_first,
    ordered,
    path_last,
    row_by_row,
    said,
    shuffled,
    upper_first,
)
from maze_interp.behaviour.shifts.worlds import band, beyond, each, elsewhere, ends, larger, of_world, smaller
from maze_interp.mazes import GENERATORS, Mixture, World

__all__ = [
    "AS_TRAINED",
    "AT_HOME",
    "BASELINE",
    "CONSTRAINTS",
    "OUTCOMES",
    "SAME_LENGTH",
    "SHIFTS",
    "TRAINED",
    "UNTRAINED",
    "WALKERS",
    "Home",
    "Matched",
    "Measured",
    "Shift",
    "ShiftedSet",
    "arrival",
    "crosses",
    "home_of",
    "length_matched",
    "measure",
    "outcomes",
    "reachable",
    "shifted",
    "to_world",
    "unshifted",
]

SIZE, KIND, ROUTES, HARD = "size and place", "generator", "cycles", "complexity"
ENDS, LENGTH, EDGES, ORDER, SCHEME = "endpoints", "path length", "edges", "order of edges", "scheme"
FIFTH = "about a fifth of the mazes or what ties make of it (see the note)"
COMPLEXITY = (
    "baseline_success",
    "look_ahead",
    "path_forks",
    "deceptive_forks",
    "wrong_cells",
    "detour",
    "turns",
    "dead_end_count",
)

SHIFTS: dict[str, Shift] = {
    "elsewhere": Shift(SIZE, "at random places of the vocabulary's lattice", of_world(elsewhere)),
    "larger": Shift(SIZE, "a row and a column more", larger(1)),
    "much_larger": Shift(SIZE, "two rows and two columns more", larger(2)),
    **{
        f"{name}_at_{row}_{col}": Shift(
            SIZE, f"{by} fewer rows and columns, the first cell at ({row},{col})", smaller(by, row, col)
        )
        for by, name in ((1, "smaller"), (2, "much_smaller"))
        for row, col in product(range(by + 1), repeat=2)
    },
    **{
        name: Shift(KIND, f"the generator {name} with its own settings", each(generator=name, knobs={}))
        for name in GENERATORS
    },
    "one_wall_in_ten_opened": Shift(ROUTES, "each wall opened with probability 0.1", percolated(0.1)),
    "every_other_wall_opened": Shift(ROUTES, "each wall opened with probability 0.5", percolated(0.5)),
    **{
        f"{which}_{measure}": Shift(HARD, f"the {which} {measure}, {FIFTH}", band(measure, low, low + 0.2))
        for measure in COMPLEXITY
        for which, low in (("least", 0.0), ("most", 0.8))
    },
    "near": Shift(ENDS, f"the shortest paths, {FIFTH}", band("solution_length", 0.0, 0.2)),
    "at_middle_distance": Shift(ENDS, f"paths of middling length, {FIFTH}", band("solution_length", 0.4, 0.6)),
    "far": Shift(ENDS, f"the longest paths, {FIFTH}", band("solution_length", 0.8, 1.0)),
    "anywhere_to_anywhere": Shift(ENDS, "any start and goal", ends(start="anywhere", goal="anywhere", goal_block=0)),
    "to_a_corner": Shift(ENDS, "the goal in a corner", ends(goal="corners", goal_block=0)),
    "corner_to_corner": Shift(ENDS, "start and goal in corners", ends(start="corners", goal="corners", goal_block=0)),
    "dead_end_to_dead_end": Shift(ENDS, "start and goal in dead ends", ends(start="dead_ends", goal="dead_ends")),
    "longest_in_a_hundred": Shift(
        LENGTH,
        "the longest paths, about a hundredth of the mazes or what ties make of it (see the note)",
        band("solution_length", 0.99, 1.0),
    ),
    "beyond_training": Shift(LENGTH, "paths longer than any in training", of_world(beyond)),
    "branches_thinned": Shift(EDGES, "each passage off the path closed with probability 0.2", thinned(0.2)),
    "goal_cut_off": Shift(EDGES, "one passage of the path closed: no way to the goal", cut_off),
    "branch_cut_off": Shift(EDGES, "one passage off the path closed: the control of goal_cut_off", branch_cut_off),
    "foreign_edge": Shift(EDGES, "one edge said that joins two cells that are no neighbours", foreign(anywhere)),
    "foreign_shortcut": Shift(EDGES, "one edge said that joins start and goal", foreign(from_start_to_goal)),
    "shuffled": Shift(ORDER, "edges in random order", ordered(shuffled, usual="random")),
    "row_by_row": Shift(ORDER, "edges row by row", ordered(row_by_row)),
    "along_the_path": Shift(ORDER, "the edges of the path first, in its order", ordered(along_path)),
    "path_last": Shift(ORDER, "the edges of the path last", ordered(path_last)),
    "upper_cell_first": Shift(ORDER, "edges begin with their upper or left cell", ordered(upper_first)),
    "lower_cell_first": Shift(ORDER, "edges begin with their lower or right cell", ordered(lower_first)),
    "either_cell_first": Shift(ORDER, "edges begin with either cell", ordered(either_first, usual="random")),
    "target_before_origin": Shift(
        SCHEME, "the goal told before the start", said(sections=("edges", "target", "origin"))
    ),
    "edges_after_ends": Shift(
        SCHEME, "the edges told after start and goal", said(sections=("origin", "target", "edges"))
    ),
    "goal_untold": Shift(SCHEME, "no goal told", said(target=False)),
    "without_connector": Shift(SCHEME, "no token between the cells of an edge", said(connector=False)),
    "with_connector": Shift(SCHEME, "a token between the cells of an edge", said(connector=True)),
    "passages_told": Shift(SCHEME, "the edge section lists passages", said(edges="passages")),
    "walls_told": Shift(SCHEME, "the edge section lists walls", said(edges="walls")),
    "passages_and_walls_told": Shift(SCHEME, "the edge section lists passages and walls", said(edges="both")),
    "cells_whole": Shift(SCHEME, "a cell is one token", said(cells="(r,c)")),
    "cells_as_pairs": Shift(SCHEME, "a cell is two tokens, row and column", said(cells="r c")),
    "cells_as_tuples": Shift(SCHEME, "a cell is five tokens, with brackets and comma", said(cells="( r , c )")),
}


def shifted(name: str, home: Home, count: int, *, seed: int) -> ShiftedSet:
    """The mazes and prompts of a shift. Raises ValueError for an unknown one, a Refusal if it does not apply."""
    if name not in SHIFTS:
        raise recipes.unknown("shift", name, SHIFTS)
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    return SHIFTS[name].make(home, count, seed=seed)


def to_world(world: World | Mixture) -> Shift:
    """The shift to another world, such as the one that another model was trained on."""
    return Shift("world", "another world", of_world(lambda home: world))
