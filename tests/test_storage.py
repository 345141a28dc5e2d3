"""What is written comes back bit for bit, and a write that fails leaves the previous file readable."""

import errno
import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file

from maze_interp import storage

DTYPES = [np.bool_, np.uint8, np.int8, np.int32, np.int64, np.uint64, np.float16, np.float32, np.float64]


@dataclass(frozen=True)
class Pair:
    first: np.ndarray
    second: np.ndarray
    name: str = ""


@dataclass(frozen=True)
class Other:
    first: np.ndarray


PAIR = Pair(np.arange(12, dtype=np.int32).reshape(3, 4), np.array([True, False, True]), "a pair")


def equal(one, two):
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


any_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(any_array, any_array, st.text(st.characters(exclude_categories=["Cs"])), st.integers())
def test_round_trip(tmp_path_factory, first, second, name, number):
    path = tmp_path_factory.getbasetemp() / "pair.safetensors"
    storage.save(path, Pair(first, second, name), {"number": number})
    back = storage.load(Pair, path)
    assert equal(back.first, first)
    assert equal(back.second, second)
    assert back.name == name
    assert storage.load_metadata(path) == {"number": number}


def test_loading_maps_the_file_instead_of_reading_it(tmp_path):
    path = tmp_path / "pair"
    storage.save(path, PAIR)
    back = storage.load(Pair, path)
    assert not back.first.flags.writeable
    assert not back.first.flags.owndata
    with open(path, "r+b") as file:  # the view sees what happens to the file
        file.seek(-len(PAIR.second) - 4, 2)
        file.write((99).to_bytes(4, "little"))
    assert back.first[-1, -1] == 99


def test_arrays_out_of_order_in_memory_keep_their_meaning(tmp_path):
    storage.save(tmp_path / "pair", Pair(PAIR.first.T, PAIR.second[::-1]))
    back = storage.load(Pair, tmp_path / "pair")
    assert np.array_equal(back.first, PAIR.first.T)
    assert np.array_equal(back.second, PAIR.second[::-1])


def test_torch_tensors_that_share_memory_are_written(tmp_path):
    weight = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    tensors = {"embed": weight, "unembed": weight.T, "half": weight.bfloat16(), "step": np.array(5)}
    storage.write_tensors_atomically(tmp_path / "w.safetensors", tensors, {"step": 5})
    back = load_file(tmp_path / "w.safetensors")
    assert torch.equal(back["unembed"], weight.T)
    assert torch.equal(back["half"], weight.bfloat16())
    assert back["step"].item() == 5


class FullDisk:
    """A file that takes half of what it is given and then reports that the disk is full."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fault", ["write", "fsync", "replace"])
def test_a_failed_write_leaves_the_previous_file_and_no_litter(tmp_path, monkeypatch, fault):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    storage.save(tmp_path / "pair", PAIR)
    storage.write_text_atomically(tmp_path / "note", "before")
    with monkeypatch.context() as patch:
        if fault == "write":
            patch.setattr(storage, "open", FullDisk, raising=False)
        else:
            patch.setattr(f"os.{fault}", fail)
        with pytest.raises(OSError, match="No space"):
            storage.save(tmp_path / "pair", Pair(PAIR.first + 1, PAIR.second))
        with pytest.raises(OSError, match="No space"):
            storage.write_text_atomically(tmp_path / "note", "after")
    assert np.array_equal(storage.load(Pair, tmp_path / "pair").first, PAIR.first)
    assert (tmp_path / "note").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note", "pair"]


def test_every_truncation_is_refused_by_name(tmp_path):
    storage.save(tmp_path / "pair", PAIR)
    content = (tmp_path / "pair").read_bytes()
    for length in range(len(content)):
        (tmp_path / "short").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"short is truncated"):
            storage.load(Pair, tmp_path / "short")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,value\n" * 10, "foreign is truncated or not a safetensors file"),
        (b"\x04" + bytes(7) + b"{{{{", "foreign is not a safetensors file: its header is not JSON"),
        (b"\x02" + bytes(7) + b"[]", "foreign is not a safetensors file: its header is not a table"),
        (b"\x02" + bytes(7) + b"{}", "foreign was not written by maze_interp"),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, content, message):
    (tmp_path / "foreign").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        storage.load(Pair, tmp_path / "foreign")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": {"shape": [1], "data_offsets": [0, 4]}}, "no type, shape and place of tensor 'a'"),
        ({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0.0, 4.0]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, "has 4 bytes"),
        ({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, "no type, shape and place"),
        ({"a": {"dtype": "F32", "shape": [0, 2**70], "data_offsets": [0, 0]}}, "has the shape"),
        ({"a": {"dtype": "F32", "shape": [1] * 70, "data_offsets": [0, 4]}}, "has the shape"),
        ({"a": 3}, "no type, shape and place"),
        ({"__metadata__": 3}, "its metadata are no table"),
        ({"__metadata__": {"json": "{"}}, "its metadata are no table"),
        ({"__metadata__": {"json": "[]"}}, "its metadata are no table"),
        ({"__metadata__": {"json": 3}}, "its metadata are no table"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_by_name(tmp_path, header, message):
    told = json.dumps(header).encode()
    (tmp_path / "odd").write_bytes(len(told).to_bytes(8, "little") + told + bytes(8))
    with pytest.raises(ValueError, match=f"odd.* {message}"):
        storage.read_tensors(tmp_path / "odd")


def test_a_turned_byte_of_a_header_gives_a_file_of_the_kind_or_a_reason(tmp_path):
    storage.save(tmp_path / "pair", PAIR)
    good, refused = (tmp_path / "pair").read_bytes(), 0
    ahead = 8 + int.from_bytes(good[:8], "little")
    for place in range(ahead):
        for turned in (0x01, 0x04, 0xFF):
            (tmp_path / "turned").write_bytes(good[:place] + bytes([good[place] ^ turned]) + good[place + 1 :])
            try:
                storage.load(Pair, tmp_path / "turned")
            except ValueError:
                refused += 1
    assert refused > ahead


def test_another_type_is_refused_by_name(tmp_path):
    storage.save(tmp_path / "other", Other(PAIR.first))
    with pytest.raises(ValueError, match="holds a Other, not a Pair"):
        storage.load(Pair, tmp_path / "other")


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def interrupted():
        with storage.folder_atomically(tmp_path / "set") as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with storage.folder_atomically(tmp_path / "set") as folder:
        (folder / "all").write_text("x")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["all"]
    with pytest.raises(ValueError, match="already holds something"), storage.folder_atomically(tmp_path / "set"):
        pass


def test_a_folder_is_claimed_once(tmp_path):
    folder = storage.claim_folder(tmp_path / "runs" / "one")
    assert folder.is_dir()
    assert storage.claim_folder(folder) == folder
    (folder / "recipe.toml").write_text("")
    with pytest.raises(ValueError, match="one already holds something"):
        storage.claim_folder(folder)
    with pytest.raises(ValueError, match=r"recipe.toml already holds something"):
        storage.claim_folder(folder / "recipe.toml")


def test_provenance_is_json_and_says_what_made_it():
    record = storage.provenance(seed=3)
    assert json.loads(json.dumps(record)) == record
    assert record["seed"] == 3
    assert record["packages"]["numpy"] == np.__version__
    assert record["time"].endswith("+00:00")


def test_importing_storage_does_not_import_torch():
    subprocess.run(
        [sys.executable, "-c", "import maze_interp.storage, sys; assert 'torch' not in sys.modules"], check=True
    )


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    folder = tmp_path / "seed=1"
    (folder / "inside").mkdir(parents=True)
    half = [
        tmp_path / ".seed=1.0123abcd.partial" / ".deep.0123abcd.partial",
        folder / ".recipe.toml.0123abcd.partial",
        folder / "inside" / ".step.safetensors.89abcdef.partial",
    ]
    whole = [folder / "recipe.toml", folder / ".partial", tmp_path / ".seed=1.5.0123abcd.partial", tmp_path / ".seed=1"]
    half[0].parent.mkdir()
    for file in (*half, *whole):
        file.write_text("")
    storage.remove_partial(folder)
    assert not any(file.exists() for file in (*half, half[0].parent))
    assert all(file.exists() for file in whole)
    storage.remove_partial(tmp_path / "nothing" / "here")
