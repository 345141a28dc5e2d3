"""`.zanj` files written from scratch, the way maze-dataset and maze-transformer write them, good ones and bad ones."""

import json
import zipfile
from io import BytesIO

import numpy as np

OLD, NEW = "__format__", "__muutils_format__"


def write(path, tree, members=None):
    """A zip of the tree (JSON, or bytes as they are) and its members, bytes by name or by ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("__zanj_meta__.json", "{}")
        file.writestr("__zanj__.json", tree if isinstance(tree, bytes) else json.dumps(tree))
        for name, data in (members or {}).items():
            file.writestr(name, data)
    return path


def npy(array):
    held = BytesIO()
    np.save(held, array)
    return held.getvalue()


def stated(array, kind="numpy.ndarray"):
    torch = "torch." if kind == "torch.Tensor" else ""
    return {"shape": list(array.shape), "dtype": f"{torch}{array.dtype}", "n_elements": array.size}


def inline(array, key=NEW, kind="numpy.ndarray", mode="array_list_meta", data=None):
    return {key: f"{kind}:{mode}", "data": array.tolist() if data is None else data, **stated(array)}


def apart(array, name, members, key=NEW, kind="numpy.ndarray"):
    members[name] = npy(array)
    return {key: f"{kind}:external", "$ref": name, **stated(array, kind)}


def coordinates(mazes, paths, i):
    return np.array(np.divmod(paths.cells[i, : paths.length[i]], mazes.cols), dtype=np.int32).T


def solved(mazes, paths, i, key=OLD):
    """One maze as a table of its own."""
    walk = coordinates(mazes, paths, i)
    named = {"connection_list": mazes.passages[i], "start_pos": walk[0], "end_pos": walk[-1], "solution": walk}
    tables = {name: inline(np.asarray(value), key) for name, value in named.items()}
    return {key: "SolvedMaze(SerializableDataclass)", "generation_meta": {"func_name": "gen_dfs"}, **tables}


def full(mazes, paths, key=OLD):
    cfg = {key: "MazeDatasetConfig(SerializableDataclass)", "name": "test", "grid_n": mazes.rows}
    return {key: "MazeDataset", "cfg": cfg, "mazes": [solved(mazes, paths, i, key) for i in range(len(mazes))]}


def minimal(mazes, paths, members, end_to_end=False):
    walks = [coordinates(mazes, paths, i).astype(np.int8) for i in range(len(mazes))]
    padded = np.full((len(walks), max(map(len, walks)), 2), 77, np.int8)  # what is behind a path is left as it was
    for row, walk in zip(padded, walks, strict=True):
        row[: len(walk)] = walk
    tree = {
        NEW: "MazeDataset:minimal_soln_cat" if end_to_end else "MazeDataset:minimal",
        "maze_connection_lists": apart(mazes.passages, "maze_connection_lists.npy", members),
        "maze_solution_lengths": inline(paths.length),
    }
    if end_to_end:
        return {**tree, "maze_solutions_concat": apart(np.concatenate(walks), "maze_solutions_concat.npy", members)}
    return {**tree, "maze_solutions": apart(padded, "maze_solutions.npy", members)}
