"""The small drawing says the same as the large one, as well-formed SVG."""

from xml.etree import ElementTree

import numpy as np

from maze_interp import figures
from maze_interp.figures.panels import walls
from maze_interp.mazes import END, MazeBatch, PathBatch
from tests import oracles

SVG = "{http://www.w3.org/2000/svg}"


def corridor() -> tuple[MazeBatch, PathBatch, PathBatch]:
    passages = oracles.passages_of([(0, 1), (1, 2)], 2, 3)
    right = PathBatch(np.array([[0, 1, 2]]), np.array([3]), np.array([END]))
    wrong = PathBatch(np.array([[0, 3, 2]]), np.array([3]), np.array([END]))
    return MazeBatch(passages, np.array([0]), np.array([2])), right, wrong


def parts(svg: str) -> dict[str, str]:
    return {part.get("class", ""): part.get("d", "") for part in ElementTree.fromstring(svg)}


def test_it_is_well_formed_and_holds_every_wall() -> None:
    mazes, right, wrong = corridor()
    drawn = parts(figures.static_svg(mazes, path=wrong, solution=right, label='a "maze" <1>'))
    assert set(drawn) == {"walls", "solution", "path", "wrong", "start", "goal"}
    assert drawn["walls"].count("M") == len(walls(mazes.passages[0]))
    assert drawn["wrong"].count("M") == 2


def test_a_legal_path_shows_no_mistake_and_a_bare_maze_no_path() -> None:
    mazes, right, _ = corridor()
    assert "wrong" not in parts(figures.static_svg(mazes, path=right))
    assert set(parts(figures.static_svg(mazes))) == {"walls", "start", "goal"}


def test_paths_run_through_the_centres_of_their_cells() -> None:
    mazes, right, _ = corridor()
    drawn = parts(figures.static_svg(mazes, path=right))["path"]
    points = np.array([point.split() for point in drawn[1:].split("L")], float)
    assert points.tolist() == [[16, 16], [40, 16], [64, 16]]
