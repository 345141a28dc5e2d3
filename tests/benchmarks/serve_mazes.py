"""maze-dataset's side of the comparison of data: its generator, its solver, its tokenizer, its files.

Each is called as directly as it can be, one maze at a time, which is what `MazeDataset.generate` does with more to do
besides. Of its tokenizers the older one is taken: the newer, modular one is several times slower.
"""

from pathlib import Path

import numpy as np
from maze_dataset import LatticeMazeGenerators, MazeDataset, MazeDatasetConfig, SolvedMaze
from maze_dataset.tokenization import MazeTokenizer, TokenizationMode
from serving import Found, Work, serve


def generate(rows: int, count: int) -> Work:
    """Depth-first mazes: how many passages they have."""
    return lambda: float(sum(maze.connection_list.sum() for maze in _drawn(rows, count)))


def solve(rows: int, count: int) -> Work:
    """Start, goal and shortest path of mazes that are there: how many cells the paths have."""
    drawn = _drawn(rows, count)
    return lambda: sum(len(maze.generate_random_path()) for maze in drawn)


def tokenise(rows: int, count: int) -> Work:
    """Token ids of solved mazes that are there: how many."""
    solved = [SolvedMaze.from_lattice_maze(maze, maze.generate_random_path()) for maze in _drawn(rows, count)]
    write = _writer(rows)
    return lambda: sum(len(write(maze)) for maze in solved)


def together(rows: int, count: int) -> Work:
    """All three: how many tokens."""
    write = _writer(rows)

    def make() -> list[int]:
        maze = LatticeMazeGenerators.gen_dfs(np.array([rows, rows]))
        return write(SolvedMaze.from_lattice_maze(maze, maze.generate_random_path()))

    return lambda: sum(len(make()) for _ in range(count))


def load(arrays: str, file: str) -> Work:
    """Read a data set of its own format, written here from the mazes in `arrays`: how many passages and cells of
    paths it has."""
    held = np.load(arrays)
    solved = [
        SolvedMaze(connection_list=passages, solution=path[:length])
        for passages, path, length in zip(held["passages"], held["paths"], held["length"], strict=True)
    ]
    shape = MazeDatasetConfig(name="bench", grid_n=held["passages"].shape[2], n_mazes=len(solved))
    if not Path(file).exists():
        MazeDataset(shape, solved, generation_metadata_collected={}).save(file)

    def read() -> Found:
        found = MazeDataset.read(file).mazes
        return lambda: float(sum(maze.connection_list.sum() + len(maze.solution) for maze in found))

    return read


def _drawn(rows: int, count: int) -> list:
    return [LatticeMazeGenerators.gen_dfs(np.array([rows, rows])) for _ in range(count)]


def _writer(rows: int):
    tokenizer = MazeTokenizer(tokenization_mode=TokenizationMode.AOTP_UT_rasterized, max_grid_size=rows)
    return lambda maze: tokenizer.encode(maze.as_tokens(tokenizer))


if __name__ == "__main__":
    serve({"generate": generate, "solve": solve, "tokenise": tokenise, "together": together, "load": load})
