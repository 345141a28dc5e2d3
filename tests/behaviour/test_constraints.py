"""Each constraint is broken by the path that breaks it and no other; with the goal cut off a path does one thing."""

import numpy as np
import pytest

from maze_interp.behaviour import shifts
from maze_interp.behaviour.shifts import CONSTRAINTS, OUTCOMES
from maze_interp.mazes import CUT, END, INVALID, PathBatch, World
from maze_interp.tokens import Tokenizer

COUNT = 20
HOME = shifts.Home(World("wilson", 4, 4, min_length=3), Tokenizer("adjacency_list", 4, 4), 200)
PLAIN = shifts.unshifted(HOME, COUNT, seed=3)
CELLS, LENGTH = PLAIN.solutions.cells, PLAIN.solutions.length


def written(*parts, ended=END, length=None):
    cells = np.concatenate([part.reshape(COUNT, -1) for part in parts], axis=1)
    return PathBatch(cells, np.full(COUNT, cells.shape[1]) if length is None else length, np.full(COUNT, ended))


FAULTS = {
    (): written(CELLS, length=LENGTH),
    ("never_arrives",): written(CELLS, length=LENGTH - 1),
    ("backtrack",): written(CELLS[:, :2], CELLS, length=LENGTH + 2),
    ("backtrack", "revisit"): written(CELLS[:, :3], CELLS[:, 1], CELLS, length=LENGTH + 4),
    ("never_ends",): written(CELLS, length=LENGTH, ended=CUT),
    ("invalid_token",): written(CELLS, length=LENGTH, ended=INVALID),
    ("wrong_start",): written(CELLS[:, 1:], length=LENGTH - 1),
    ("jump",): written(PLAIN.mazes.start, PLAIN.mazes.start, CELLS[:, 1:], length=LENGTH + 1),
}


@pytest.mark.parametrize("faults", FAULTS)
def test_each_fault_is_found_and_nothing_else(faults):
    broken = {name: broken(PLAIN, FAULTS[faults]) for name, broken in CONSTRAINTS.items()}
    for name, values in broken.items():
        assert values.all() == (name in faults)
        assert values.any() == (name in faults)
    rows = {row.measure: row.value for row in shifts.arrival(PLAIN, FAULTS[faults], walker="it")}
    assert rows["optimal"] == rows["exact"] == (faults == ())
    assert all(rows[name] == (name in faults) for name in CONSTRAINTS)


def test_where_the_goal_is_cut_off_the_outcomes_are_told_apart():
    cut = shifts.shifted("goal_cut_off", HOME, COUNT, seed=3)
    step = (cut.solutions.cells[..., None] == cut.edge[:, None]).any(axis=-1).argmax(axis=1) + 1
    paths = {
        "crosses_the_gap": written(CELLS, length=LENGTH),
        "breaks_in_elsewhere": written(PLAIN.mazes.goal),
        "stops_short": written(CELLS, length=step),
        "writes_no_cell": written(CELLS, length=step, ended=INVALID),
        "goes_on_and_on": written(CELLS, length=step, ended=CUT),
    }
    for name, path in paths.items():
        assert {row.measure: row.value for row in shifts.outcomes(cut, path)} == dict.fromkeys(OUTCOMES, 0.0) | {
            name: 1.0
        }
    rows = {row.measure: row for row in shifts.arrival(cut, paths["crosses_the_gap"])}
    assert rows["optimal"].n == rows["never_arrives"].n == 0
    assert rows["wall"].value == 1.0
    with pytest.raises(ValueError, match="no passage was taken away"):
        shifts.outcomes(PLAIN, PLAIN.solutions)
