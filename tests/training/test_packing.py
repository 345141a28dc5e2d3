"""A packed row is its sequences, nothing lost, nothing added; the loss on it is the loss on them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from maze_interp.tokens.batch import EDGE, TokenBatch
from maze_interp.tokens.vocabulary import PADDING, PATH_END, PATH_START
from maze_interp.training.objective import all_loss, path_loss
from maze_interp.training.packing import IGNORE, pack
from tests import oracles, tiny

MODEL = tiny.model()


def packed_plainly(tokens: TokenBatch, branches: int) -> list[list[tuple[int, int, int, int]]]:
    """For each row, (branch, position, token, target) of everything in it, token by token."""
    rows = []
    for first in range(0, len(tokens), branches):
        row = [(0, at, tokens.ids[first, at], IGNORE) for at in range((tokens.part[first] == EDGE).sum())]
        for branch in range(branches):
            ids, graded = tokens.ids[first + branch].tolist(), tokens.graded[first + branch]
            for at in range((tokens.part[first] == EDGE).sum(), tokens.length[first + branch]):
                row.append((branch + 1, at, ids[at], ids[at + 1] if graded[at] else IGNORE))
        rows.append(row)
    return rows


@oracles.repeatable
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0.4, 0.6, 1.0]))
def test_a_packed_row_is_its_sequences(count, branches, seed, p):
    tokens = tiny.asked(MODEL, count, branches, seed=seed, p=p)
    packed, targets = pack(tokens, branches, padding=PADDING)
    before = torch.full((count, packed.prompt), IGNORE)
    columns = zip(packed.branch, packed.position, packed.ids, torch.cat([before, targets], dim=1), strict=True)
    for expected, (branch, *rest) in zip(packed_plainly(tokens, branches), columns, strict=True):
        used = branch >= 0
        assert torch.stack([branch, *rest])[:, used].T.tolist() == [list(place) for place in expected]
        assert (rest[1][~used] == PADDING).all()
        assert (rest[2][~used] == IGNORE).all()
    assert (packed.branch[:, : packed.prompt] <= 0).all()
    assert (packed.branch[:, packed.prompt :] != 0).all()


def test_what_is_graded_is_the_path_and_its_end():
    tokens = tiny.asked(MODEL, 6, 2, seed=0)
    packed, targets = pack(tokens, 2, padding=PADDING)
    behind = packed.ids[:, packed.prompt :]
    assert torch.equal((targets != IGNORE).sum(dim=1), (behind == PATH_END).sum(1) + _path_cells(tokens, 2))
    assert (targets[behind == PATH_START] >= 11).all()  # a cell: the start
    assert (targets == PATH_END).sum() == len(tokens)
    assert (targets[behind == PATH_END] == IGNORE).all()


def _path_cells(tokens, branches):
    after = np.cumsum(tokens.ids == PATH_START, axis=1) - (tokens.ids == PATH_START)
    cells = (after.astype(bool) & (tokens.ids != PATH_END) & (tokens.ids != PADDING)).sum(axis=1)
    return torch.from_numpy(cells.reshape(-1, branches).sum(axis=1))


def test_groups_must_be_whole():
    with pytest.raises(ValueError, match="5 sequences are not groups of 2"):
        pack(tiny.asked(MODEL, 5, 1, seed=0), 2, padding=PADDING)


@pytest.mark.parametrize("branches", [1, 3])
def test_the_loss_on_paths_is_the_plain_mean_over_graded_tokens(branches):
    tokens = tiny.asked(MODEL, 4, branches, seed=1)
    losses = [
        F.cross_entropy(logits[at], torch.tensor(int(ids[at + 1])))
        for logits, ids, graded in zip(tiny.plain_logits(MODEL, tokens), tokens.ids, tokens.graded, strict=True)
        for at in np.flatnonzero(graded)
    ]
    assert torch.isclose(path_loss(MODEL, tokens, branches), torch.stack(losses).mean(), rtol=1e-5)


def test_the_loss_on_all_tokens_is_the_plain_mean_over_all_of_them():
    tokens = tiny.asked(MODEL, 5, 1, seed=1)
    losses = [
        F.cross_entropy(logits[:-1], torch.from_numpy(ids[1:length]).long(), reduction="none")
        for logits, ids, length in zip(tiny.plain_logits(MODEL, tokens), tokens.ids, tokens.length, strict=True)
    ]
    assert len({len(loss) for loss in losses}) > 1
    assert torch.isclose(all_loss(MODEL, tokens, 1), torch.cat(losses).mean(), rtol=1e-5)
