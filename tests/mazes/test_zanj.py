"""maze-dataset's files are read in every layout, written so that they read the same, and refused when tampered with.

The files read here are put together by zipfile, json and numpy alone. What `write_zanj` writes was read by
maze-dataset 1.4.2, in all three layouts, and its own copies of those read back here.
"""

import base64
import json
import stat
import tracemalloc
import zipfile

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes.zanj import LAYOUTS, read_zanj, write_zanj
from tests import zanj_files as files

BATCH = mazes.draw(mazes.World("percolation", 4, 4, {"p": 0.6}), 12, seed=3)
PATHS = mazes.solve(BATCH, seed=0)


def same(found, batch=BATCH, paths=PATHS):
    """Whether mazes and paths are those written, what is beyond a path's end aside."""
    mine, walked = found
    ends = all(np.array_equal(getattr(mine, name), getattr(batch, name)) for name in ("passages", "start", "goal"))
    inside = np.arange(paths.cells.shape[1]) < paths.length[:, None]
    steps = np.array_equal(walked.length, paths.length) and (walked.cells == paths.cells)[inside].all()
    return ends and steps and (walked.ended == mazes.END).all()


def old_list(path):
    """The layout of 2023: a table for each maze, as lines of a member."""
    tree = files.full(BATCH, PATHS)
    lines = "\n".join(json.dumps(maze) for maze in tree["mazes"])
    tree["mazes"] = {files.OLD: "list:external", "$ref": "mazes.jsonl", "data[0]": tree["mazes"][0], "len(data)": 12}
    return files.write(path, tree, {"mazes.jsonl": lines})


def as_minimal(path, end_to_end=False):
    members = {}
    return files.write(path, files.minimal(BATCH, PATHS, members, end_to_end), members)


def encoded(path):
    """Arrays in the tree as hexadecimal digits and base64."""
    members = {}
    tree = files.minimal(BATCH, PATHS, members)
    lists, length = BATCH.passages, PATHS.length
    digits = files.inline(lists, mode="array_hex_meta", data=lists.tobytes().hex())
    letters = files.inline(length, mode="array_b64_meta", data=base64.b64encode(length.tobytes()).decode())
    del members["maze_connection_lists.npy"]
    return files.write(path, {**tree, "maze_connection_lists": digits, "maze_solution_lengths": letters}, members)


def collected(path):
    parts = [files.full(BATCH[:5], PATHS[:5]), files.full(BATCH[5:], PATHS[5:], files.NEW)]
    return files.write(path, {files.OLD: "MazeDatasetCollection", "cfg": {}, "maze_datasets": parts})


WRITERS = {
    "full, 2023": lambda path: files.write(path, files.full(BATCH, PATHS)),
    "full, now": lambda path: files.write(path, files.full(BATCH, PATHS, files.NEW)),
    "full, a list apart": old_list,
    "minimal": as_minimal,
    "minimal_soln_cat": lambda path: as_minimal(path, end_to_end=True),
    "encoded": encoded,
    "collection": collected,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_reads_the_same(tmp_path, layout):
    assert same(read_zanj(WRITERS[layout](tmp_path / "set.zanj")))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_reads_the_same(tmp_path, layout):
    write_zanj(tmp_path / "set.zanj", BATCH, PATHS, layout=layout, name="ours")
    assert same(read_zanj(tmp_path / "set.zanj"))
    assert [path.name for path in tmp_path.iterdir()] == ["set.zanj"]


def test_what_is_written_says_what_maze_dataset_asks_for(tmp_path):
    write_zanj(tmp_path / "set.zanj", BATCH, PATHS)
    with zipfile.ZipFile(tmp_path / "set.zanj") as file:
        tree, meta = (json.loads(file.read(f"__zanj{part}__.json")) for part in ("", "_meta"))
        lists = np.load(file.open("maze_connection_lists.npy"))
    assert tree["__muutils_format__"] == "MazeDataset:minimal"
    assert tree["cfg"]["grid_n"] == 4
    assert tree["cfg"]["n_mazes"] == 12
    assert tree["cfg"]["applied_filters"][0]["name"] == "__custom__:not_made_by_maze_dataset"
    apart = [key for key, value in tree.items() if isinstance(value, dict) and "$ref" in value]
    assert {tuple(item["path"]) for item in meta["externals_info"].values()} == {(key,) for key in apart}
    assert np.array_equal(lists, BATCH.passages)


def test_rows_come_before_columns(tmp_path):
    """A maze by hand: from the top left down, then right. Read the other way round, it would walk through a wall."""
    down, right = [[True, False], [False, False]], [[False, False], [True, False]]
    hand = {"connection_list": [down, right], "start_pos": [0, 0], "end_pos": [1, 1]}
    arrays = {key: np.array(value) for key, value in {**hand, "solution": [[0, 0], [1, 0], [1, 1]]}.items()}
    tree = {files.OLD: "MazeDataset", "mazes": [{key: files.inline(value) for key, value in arrays.items()}]}
    found, paths = read_zanj(files.write(tmp_path / "hand.zanj", tree))
    assert paths.cells.tolist() == [[0, 2, 3]]
    assert mazes.paths.optimal(found, paths).all()


def test_a_maze_without_a_solution_has_a_path_that_was_cut(tmp_path):
    tree = files.full(BATCH, PATHS)
    tree["mazes"][3]["solution"] = None
    _, paths = read_zanj(files.write(tmp_path / "set.zanj", tree))
    assert paths.length[3] == 0
    assert paths.ended[3] == mazes.CUT


def changed(change, writer=files.full):
    def write(path):
        tree, members = (files.full(BATCH, PATHS), {}) if writer is files.full else minimal_parts()
        change(tree, members)
        return files.write(path, tree, members)

    return write


def minimal_parts():
    members = {}
    return files.minimal(BATCH, PATHS, members), members


def linked(path):
    info = zipfile.ZipInfo("link.npy")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return files.write(path, files.full(BATCH, PATHS), {info: "/etc/passwd"})


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate"):
        return files.write(path, files.full(BATCH, PATHS), {"__zanj__.json": "{}"})


def cut(path):
    as_minimal(path).write_bytes(as_minimal(path).read_bytes()[:-200])
    return path


def lying(path):
    """The tree is said to be 10 bytes long, in both places where a zip says so, and is longer."""
    size = 123_457
    data = files.write(path, json.dumps(files.full(BATCH, PATHS)).ljust(size).encode()).read_bytes()
    assert data.count(size.to_bytes(4, "little")) == 2
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    return path


def packed_otherwise(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("__zanj__.json", "{}")
    return path


def boasting(tree, members):
    """A header that asks for 8 terabytes, with nothing behind it."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    members["maze_solutions.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def unclosed(tree, members):
    members["maze_solutions.npy"] = b"\x93NUMPY\x01\x00\x0b\x00{'descr': ("


def pickled(tree, members):
    members["maze_solutions.npy"] = files.npy(np.array([{"a": 1}], dtype=object))


def set_in(*path):
    *parents, last, value = path

    def change(tree, members):
        for key in parents:
            tree = tree[key]
        tree[last] = value

    return change


HUGE = mazes.draw(mazes.World(rows=129, cols=129), 1, seed=0)
MINIMAL, POINT = files.minimal, files.inline(np.array(0), mode="zero_dim")
WALL = set_in("mazes", 0, "connection_list", files.inline(np.zeros((2, 4, 4), bool)))
BAD = {
    "climbs": (lambda path: files.write(path, {}, {"../../evil.npy": b"x"}), "outside of the folder"),
    "absolute": (lambda path: files.write(path, {}, {"/tmp/evil.npy": b"x"}), "outside of the folder"),
    "another system's": (lambda path: files.write(path, {}, {"..\\evil.npy": b"x"}), "outside of the folder"),
    "drive": (lambda path: files.write(path, {}, {"C:evil.npy": b"x"}), "outside of the folder"),
    "link": (linked, "symbolic link"),
    "twice": (twice, "there twice"),
    "packed otherwise": (packed_otherwise, "only deflate"),
    "truncated": (cut, "damaged"),
    "lying about its size": (lying, "damaged|not JSON"),
    "no zip": (lambda path: path.write_bytes(b"hello") and path, "no zip"),
    "no file": (lambda path: path, "no file"),
    "no tree": (lambda path: zipfile.ZipFile(path, "w").close() or path, "__zanj__.json"),
    "no JSON": (lambda path: files.write(path, b"{"), "not JSON"),
    "deep": (lambda path: files.write(path, b"[" * 100_000), "not JSON|too deep"),
    "pickled": (changed(pickled, MINIMAL), "pickled"),
    "boasting": (changed(boasting, MINIMAL), "should take 8000000000000 bytes"),
    "points nowhere": (changed(set_in("maze_solutions", "$ref", "gone.npy"), MINIMAL), "gone.npy"),
    "points outside": (changed(set_in("maze_solutions", "$ref", "/etc/passwd"), MINIMAL), "/etc/passwd"),
    "points at a list": (changed(set_in("maze_solutions", "$ref", ["a.npy"]), MINIMAL), "is no member"),
    "unclosed header": (changed(unclosed, MINIMAL), "data cannot be read"),
    "a point of solutions": (changed(set_in("maze_solutions_concat", POINT), MINIMAL), "must be step x 2, not"),
    "a point of passages": (changed(set_in("maze_connection_lists", POINT), MINIMAL), "must be maze x 2 x rows"),
    "points twice": (
        changed(set_in("maze_solutions", "$ref", "maze_connection_lists.npy"), MINIMAL),
        "pointed at twice",
    ),
    "another shape": (changed(set_in("maze_solutions", "shape", [12, 1, 2]), MINIMAL), "is stated"),
    "another dtype": (changed(set_in("maze_solutions", "dtype", "complex64"), MINIMAL), "unknown dtype"),
    "too few lengths": (
        changed(set_in("maze_solution_lengths", files.inline(PATHS.length[1:])), MINIMAL),
        "do not fit",
    ),
    "too long": (changed(set_in("maze_solution_lengths", files.inline(PATHS.length + 50)), MINIMAL), "do not fit"),
    "below zero": (changed(set_in("maze_solution_lengths", files.inline(-PATHS.length)), MINIMAL), "whole numbers"),
    "something else": (changed(set_in(files.OLD, "MazeDataset:maximal")), "MazeDataset:maximal"),
    "no mazes": (changed(lambda tree, members: tree.pop("mazes")), "mazes is missing"),
    "no passages": (
        changed(lambda tree, members: tree["mazes"][2].pop("connection_list")),
        "connection_list is missing",
    ),
    "numbers for passages": (
        changed(set_in("mazes", 0, "connection_list", files.inline(np.ones((2, 4, 4))))),
        "must hold booleans",
    ),
    "text for a place": (changed(set_in("mazes", 0, "start_pos", "here")), "start_pos must be"),
    "outside the lattice": (
        changed(set_in("mazes", 1, "solution", files.inline(np.array([[0, 9], [0, 1]])))),
        "maze 1: .*leaves the 4 x 4 lattice",
    ),
    "through a wall": (changed(WALL), "maze 0: .*without a passage"),
    "two lattices": (
        changed(set_in("mazes", 1, "connection_list", files.inline(np.zeros((2, 3, 3), bool)))),
        "maze 1: .*3 x 3 cells beside others of 4 x 4",
    ),
}


@pytest.mark.parametrize("wrong", BAD)
def test_a_file_that_is_no_set_of_mazes_is_refused_with_the_reason(tmp_path, wrong):
    writer, reason = BAD[wrong]
    (tmp_path / "inside").mkdir()
    path = writer(tmp_path / "inside" / "set.zanj")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=reason) as error:
        read_zanj(path)
    assert "set.zanj" in str(error.value)
    assert set(tmp_path.rglob("*")) == before


def test_no_more_is_unpacked_than_the_limit_allows(tmp_path):
    """A megabyte of zeros packs into a thousandth of that."""
    path = files.write(tmp_path / "bomb.zanj", files.full(BATCH, PATHS), {"bomb.npy": bytes(2**20)})
    assert path.stat().st_size < 2**17
    assert same(read_zanj(path))
    with pytest.raises(ValueError, match=r"would unpack to 1,[\d,]+ bytes, more than the limit of 1,000,000"):
        read_zanj(path, limit=1_000_000)


def test_a_member_that_lies_about_its_size_is_not_unpacked_whole(tmp_path):
    """Zeros of 64 MiB that are said to be 123,456 bytes: neither they nor a hundredth of them are ever in memory."""
    size, told = 64 * 2**20 + 12_345, 123_456
    tree = {**files.full(BATCH, PATHS), "bomb": {files.OLD: "list:external", "$ref": "bomb.jsonl"}}
    data = files.write(tmp_path / "set.zanj", tree, {"bomb.jsonl": bytes(size)}).read_bytes()
    assert data.count(size.to_bytes(4, "little")) == 2
    (tmp_path / "set.zanj").write_bytes(data.replace(size.to_bytes(4, "little"), told.to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"set.zanj.*(damaged|stated)"):
        read_zanj(tmp_path / "set.zanj")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < size / 20


def test_damage_anywhere_gives_the_same_mazes_or_a_reason(tmp_path):
    """A byte turned at 60 places: whatever Python's zip reader makes of it, a ValueError comes of it."""
    good, refused = as_minimal(tmp_path / "set.zanj").read_bytes(), 0
    for place in np.linspace(0, len(good) - 1, 60).astype(int):
        (tmp_path / "set.zanj").write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            assert same(read_zanj(tmp_path / "set.zanj"))
        except ValueError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((BATCH, PATHS, "x", "tiny"), "unknown layout 'tiny'"),
        ((BATCH[:0], PATHS[:0]), "no mazes"),
        ((mazes.draw(mazes.World(rows=3, cols=4), 2, seed=0), PATHS[:2]), "square"),
        ((HUGE, mazes.solve(HUGE, seed=0)), "128 rows at most, not 129: choose layout 'full'"),
        ((HUGE, mazes.solve(HUGE, seed=0), "x", "minimal_soln_cat"), "128 rows at most"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, arguments, reason):
    options = dict(zip(("name", "layout"), arguments[2:], strict=False))
    with pytest.raises(ValueError, match=reason):
        write_zanj(tmp_path / "set.zanj", *arguments[:2], **options)
    assert not list(tmp_path.iterdir())
