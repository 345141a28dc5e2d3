"""An archive keeps what is put into it, and does not grow in memory beyond what its limit allows."""

import numpy as np
import pytest

from maze_interp.mazes import archive
from tests import zanj_files as files


def test_an_archive_keeps_what_is_put_into_it(tmp_path):
    tree = {"big": np.arange(600.0).reshape(2, 300), "small": np.array([[True]]), "none": None, "words": ["a", 1]}
    archive.write(tmp_path / "a.zanj", tree)
    back = archive.read(tmp_path / "a.zanj")
    assert {key: back[key] for key in ("none", "words")} == {"none": None, "words": ["a", 1]}
    for key in ("big", "small"):
        assert np.array_equal(back[key], tree[key])
        assert back[key].dtype == tree[key].dtype


def listed(path, member):
    """A thousand empty tables, three bytes each, as a list with a member of its own."""
    return files.write(path, {"all": {files.OLD: "list:external", "$ref": member}}, {member: b"{}\n" * 1000})


def test_json_may_take_up_a_smaller_part_of_the_limit(tmp_path):
    """Parsed, the three bytes of an empty table become 64 and more."""
    path = listed(tmp_path / "a.zanj", "all.jsonl")
    reason = r"a.zanj: .* 3,0\d\d bytes of JSON, more than 3,000, the 16th part of the limit"
    with pytest.raises(ValueError, match=reason):
        archive.read(path, limit=48_000)
    assert len(archive.read(path, limit=64_000)["all"]) == 1000
    assert archive.LIMIT // archive.SHARE == 2**26


def test_json_has_no_other_name(tmp_path):
    with pytest.raises(ValueError, match=r"points at 'all.npy' for a list"):
        archive.read(listed(tmp_path / "a.zanj", "all.npy"), limit=48_000)


@pytest.mark.parametrize("header", ["{'descr': (", "  a\n b\n", "1+" * 4900 + "1j", "-" * 9000 + "1", "{'descr': ()}"])
def test_a_header_that_python_cannot_parse_is_a_reason(tmp_path, header):
    """Each ends in another exception of Python's own: of its tokenizer, its parser, its stack."""
    members = {}
    tree = {"big": files.apart(np.zeros(3), "big.npy", members)}
    members["big.npy"] = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with pytest.raises(ValueError, match=r"a.zanj: "):
        archive.read(files.write(tmp_path / "a.zanj", tree, members))
