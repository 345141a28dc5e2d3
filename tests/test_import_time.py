"""Importing the package costs nothing until a room is used, and mazes and tokens never load torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["torch", "transformer_lens", "transformers", "numba", "plotly", "circuitsvis"]


def imported(program: str) -> set[str]:
    """Which heavy libraries a fresh interpreter has loaded after `program`."""
    report = f"\nimport sys, json\nsys.stdout.write(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program + report], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import maze_interp", set()),
        ("import maze_interp.recipes, maze_interp.storage", set()),
        ("from maze_interp import mazes", {"numba"}),
        ("from maze_interp import mazes, tokens", {"numba"}),
        ("import torch", {"torch"}),  # the control: what is imported is seen
    ],
)
def test_what_an_import_brings_with_it(program, expected):
    assert imported(program) == expected


def test_every_room_but_the_command_line_opens_by_its_name():
    import maze_interp

    folders = {path.parent.name for path in Path(maze_interp.__file__).parent.glob("*/__init__.py")}
    assert set(maze_interp.ROOMS) == folders - {"cli"}
    assert maze_interp.patching.__name__ == "maze_interp.patching"


def test_a_room_that_does_not_exist_is_named():
    import maze_interp

    with pytest.raises(AttributeError, match="has no room 'maizes'; rooms: "):
        _ = maze_interp.maizes
