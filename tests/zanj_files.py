"""`.zanj` files written from scratch, the way maze-dataset and maze-transformer write them, good ones and bad ones."""

import json
import zipfile
from io import BytesIO

import numpy as np

OLD, NEW = "__format__", "__muutils_format__"
LAYERS, WIDTH, HEADS, HIDDEN, CONTEXT = 2, 16, 2, 24, 160  # of the networks


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


def weights(vocab, positions="standard"):
    """Every tensor of such a network, drawn at random: nothing is left at 0 or 1 where an error could hide."""
    rng, head = np.random.default_rng(1), WIDTH // HEADS
    shapes = {"embed.W_E": (vocab, WIDTH), "unembed.W_U": (WIDTH, vocab), "unembed.b_U": (vocab,)}
    shapes |= {"ln_final.w": (WIDTH,), "ln_final.b": (WIDTH,)}
    if positions == "standard":
        shapes["pos_embed.W_pos"] = (CONTEXT, WIDTH)
    for i in range(LAYERS):
        shapes |= {f"blocks.{i}.ln{n}.{leaf}": (WIDTH,) for n in (1, 2) for leaf in "wb"}
        shapes |= {f"blocks.{i}.attn.W_{name}": (HEADS, WIDTH, head) for name in "QKV"}
        shapes |= {f"blocks.{i}.attn.b_{name}": (HEADS, head) for name in "QKV"}
        shapes |= {f"blocks.{i}.attn.W_O": (HEADS, head, WIDTH), f"blocks.{i}.attn.b_O": (WIDTH,)}
        shapes |= {f"blocks.{i}.mlp.W_in": (WIDTH, HIDDEN), f"blocks.{i}.mlp.b_in": (HIDDEN,)}
        shapes |= {f"blocks.{i}.mlp.W_out": (HIDDEN, WIDTH), f"blocks.{i}.mlp.b_out": (WIDTH,)}
    return {name: rng.normal(0.3, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def model_file(path, state, data, tokenizer, change=lambda tree: None, **shape):
    """A model as maze-transformer saves it: large arrays apart, small ones in the tree, masks among the weights."""
    members, held = {}, {}
    state = {**state, "blocks.0.attn.mask": np.tri(CONTEXT, dtype=bool), "blocks.0.attn.IGNORE": np.float32(-1e5)}
    for name, array in state.items():
        array = np.asarray(array)
        if array.size >= 256:
            held[name] = apart(array, f"state_dict/{name}.npy", members, OLD, "torch.Tensor")
        else:
            mode = "array_list_meta" if array.ndim else "zero_dim"
            held[name] = inline(array, OLD, "torch.Tensor", mode)
    config = {"name": "tiny", "act_fn": "gelu", "d_model": WIDTH, "d_head": WIDTH // HEADS, "n_layers": LAYERS, **shape}
    maker = {"maze_ctor": {"__name__": "gen_dfs"}, "maze_ctor_kwargs": {"do_forks": False}}
    data = {"grid_n": 3, "seq_len_max": CONTEXT, **maker, **data}
    network = {"name": "theirs", "dataset_cfg": data, "model_cfg": {OLD: "BaseGPTConfig", **config}}
    tree = {"zanj_model_config": {**network, "maze_tokenizer": tokenizer}, "training_records": None, "state_dict": held}
    change(tree)
    return write(path, tree, members)
