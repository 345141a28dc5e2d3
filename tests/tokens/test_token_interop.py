"""Files of token strings: what was written is read, and what is no such file is named."""

import json
from pathlib import Path

import pytest

from maze_interp import tokens

TEXTS = ["<ADJLIST_START> (0,0) <--> (0,1) ; <ADJLIST_END>", "", "<PATH_START> (1,0) <PATH_END>"]


def test_reading_undoes_writing(tmp_path: Path) -> None:
    tokens.write_jsonl(tmp_path / "mazes.jsonl", TEXTS)
    assert tokens.read_jsonl(tmp_path / "mazes.jsonl") == TEXTS
    tokens.write_jsonl(tmp_path / "none.jsonl", [])
    assert tokens.read_jsonl(tmp_path / "none.jsonl") == []


def test_a_line_is_an_array_of_token_strings(tmp_path: Path) -> None:
    tokens.write_jsonl(tmp_path / "mazes.jsonl", TEXTS)
    lines = (tmp_path / "mazes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [text.split() for text in TEXTS]


def test_a_line_may_be_one_string(tmp_path: Path) -> None:
    (tmp_path / "mazes.jsonl").write_text(f"{json.dumps(TEXTS[0])}\n\n{json.dumps(TEXTS[2].split())}\n")
    assert tokens.read_jsonl(tmp_path / "mazes.jsonl") == [TEXTS[0], TEXTS[2]]


@pytest.mark.parametrize(("line", "why"), [("<PATH_START>", "not JSON"), ("3", "expected"), ('["a", 3]', "expected")])
def test_the_line_at_fault_is_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "mazes.jsonl").write_text(f'["(0,0)"]\n{line}\n')
    with pytest.raises(ValueError, match=f"mazes.jsonl, line 2: {why}"):
        tokens.read_jsonl(tmp_path / "mazes.jsonl")
