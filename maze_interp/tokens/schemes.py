"""Ways of writing a maze down, each put together from a few independent choices.

    cells       how a cell is written: one token, or its row and column with or without brackets and comma
    edges       what the edge section lists: passages, walls, or every edge of the lattice as one or the other
    connector   whether a token stands between the two cells of an edge: `<-->` for a passage, `<XX>` for a wall
    order       in which order edges come: drawn at random, row by row, or along a depth-first walk
    path        the path's cells, compass directions, turns, or its first cell, its forks and its last cell
    sections    in which order the prompt's sections come; the path is always last
    target      whether the goal is told; otherwise its section is empty

A new scheme is one line in SCHEMES.
"""

from dataclasses import dataclass

from maze_interp import recipes

CELLS = ("(r,c)", "r c", "r , c", "( r c )", "( r , c )")
EDGES = ("passages", "walls", "both")
ORDERS = ("random", "row_by_row", "depth_first")
PATHS = ("cells", "directions", "turns", "forks")
SECTIONS = ("edges", "origin", "target")
DIRECTIONS = ("NORTH", "SOUTH", "EAST", "WEST")
TURNS = ("FORWARD", "BACKWARD", "LEFT", "RIGHT")
WALL = "<XX>"


@dataclass(frozen=True)
class Scheme:
    """One way of writing mazes; the defaults are the adjacency list. Raises ValueError for choices that do not fit."""

    cells: str = "(r,c)"
    edges: str = "passages"
    connector: bool = True
    order: str = "random"
    path: str = "cells"
    sections: tuple[str, ...] = SECTIONS
    target: bool = True

    def __post_init__(self) -> None:
        for name, allowed in (("cells", CELLS), ("edges", EDGES), ("order", ORDERS), ("path", PATHS)):
            if getattr(self, name) not in allowed:
                raise recipes.unknown(f"way to write {name}", getattr(self, name), allowed)
        if sorted(self.sections) != sorted(SECTIONS):
            raise ValueError(f"sections must be {', '.join(SECTIONS)} in some order, not {', '.join(self.sections)}")
        if self.edges == "both" and not self.connector:
            raise ValueError("passages and walls in one list need a connector to be told apart")
        if self.edges != "passages" and self.order == "depth_first":
            raise ValueError(f"a depth-first walk goes through passages alone; it cannot order {self.edges}")

    @property
    def spelling(self) -> tuple[str, ...]:
        """The tokens of a cell, "r" standing for its row and "c" for its column; one token if it has its own."""
        return tuple(self.cells.split())

    @property
    def spelled(self) -> bool:
        """Whether a cell takes several tokens."""
        return len(self.spelling) > 1

    @property
    def moves(self) -> bool:
        """Whether a path is written as its moves, one token each, rather than as cells."""
        return self.path in ("directions", "turns")

    @property
    def one_token_a_move(self) -> bool:
        """Whether each step of a path is one token, which says where it leads."""
        return self.moves or (self.path == "cells" and not self.spelled)

    @property
    def words(self) -> tuple[str, ...]:
        """The tokens besides specials, cells and numbers, by maze-dataset's names and in its order."""
        marks = tuple(mark for mark in ("(", ",", ")") if self.spelled and mark in self.spelling)
        moves = {"directions": DIRECTIONS, "turns": TURNS}.get(self.path, ())
        return marks + moves + ((WALL,) if self.edges != "passages" and self.connector else ())

    @property
    def shares_prompts(self) -> bool:
        """Whether sequences open with the maze, so that several paths can be asked behind one reading of it."""
        return self.sections[0] == "edges"

    @property
    def needs(self) -> tuple[str, ...]:
        """What must hold of a maze and its path for reading to give back what was written.

        Always: the path walks through passages, and it ended properly or has no cells (a prompt).
        """
        needs = (
            (self.edges != "passages", "a maze smaller than the vocabulary is read with its rows and cols"),
            (self.moves, "the path begins at the start"),
            (
                self.path == "forks",
                "one corridor leads from fork to fork, as in a maze without cycles, and the path never turns round",
            ),
            (not self.target, "the path ends at the goal"),
        )
        return tuple(need for asked, need in needs if asked)

    def longest_path(self, rows: int, cols: int) -> int:
        """The tokens of a path through every cell, as though each were a fork, and of its end.

        spelling * rows * cols + 1 for cells and forks; rows * cols for directions and turns, which are one fewer.
        """
        return rows * cols if self.moves else len(self.spelling) * rows * cols + 1

    def longest(self, rows: int, cols: int) -> int:
        """The length of a sequence with all edges listed and a path through every cell.

        7 delimiters, the spelling of start and goal, the longest path with its end, and for each of the lattice's
        rows * (cols - 1) + cols * (rows - 1) edges twice the spelling, the connector and `;`.
        """
        cell, edges = len(self.spelling), rows * (cols - 1) + cols * (rows - 1)
        return 7 + cell * (1 + self.target) + edges * (2 * cell + self.connector + 1) + self.longest_path(rows, cols)


SCHEMES = {
    "adjacency_list": Scheme(),
    "coordinates": Scheme(cells="r c"),
    "coordinate_tuples": Scheme(cells="( r , c )"),
    "walls": Scheme(edges="walls"),
    "passages_and_walls": Scheme(edges="both"),
    "unconnected": Scheme(connector=False),
    "row_by_row": Scheme(order="row_by_row"),
    "depth_first": Scheme(order="depth_first"),
    "directions": Scheme(path="directions"),
    "turns": Scheme(path="turns"),
    "forks": Scheme(path="forks"),
    "target_first": Scheme(sections=("edges", "target", "origin")),
    "no_target": Scheme(target=False),
    "edges_last": Scheme(sections=("origin", "target", "edges")),
}
