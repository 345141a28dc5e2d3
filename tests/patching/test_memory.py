"""What is in flight at once stays under the stated bound, however many changes there are."""

import numpy as np
import pytest

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import fused, reruns
from tests import tiny


@pytest.fixture(scope="module")
def asked():
    model = tiny.model(1, layers=2, positions="learned")
    batch = mazes.draw(World("wilson", 4, 4), 40, seed=3)
    forks = mazes.decisions(batch, mazes.solve(batch))
    return model, patching.FAMILIES["moved_passage"](batch, forks, model.maze_tokenizer, seed=0)[:8]


def most_held(asked, monkeypatch, kind: str, places: np.ndarray, memory: float) -> tuple[float, int]:
    """The most MiB that any rerun of a sweep holds at once, counted at its widest: the stream, what the layer norm and
    the heads' input and output take, the neurons twice, and keys and values of all positions; and how many reruns."""
    model, pairs = asked
    held, plain = [], reruns.rerun
    layer = fused.weights(model).layers[0]
    d_model, d_mlp = layer.out[0].shape[1], layer.mlp_in[0].shape[1]

    def rerun(w, kept, depth, begin, x):
        rows, later = x.shape[0] * x.shape[1], x.shape[2]
        length = kept.stream[0].shape[1]
        qkv = rows * 3 * later * d_model + rows * 2 * length * d_model
        widest = max(qkv, rows * later * 2 * d_mlp) + 3 * rows * later * d_model
        held.append(4 * widest / 2**20)
        return plain(w, kept, depth, begin, x)

    monkeypatch.setattr(reruns, "rerun", rerun)
    patching.sweep(model, pairs, kind, places, memory=memory, threads=1)
    monkeypatch.undo()
    return max(held), len(held)


@pytest.mark.parametrize("kind", ["resid_pre", "z"])
def test_memory_stays_under_the_bound_whatever_the_size_of_the_sweep(asked, monkeypatch, kind):
    places = patching.everywhere(asked[1])[::3]
    for bound in (1.0, 3.0):  # one change of eight pairs is less
        once, few = most_held(asked, monkeypatch, kind, places, bound)
        thrice, many = most_held(asked, monkeypatch, kind, np.concatenate([places] * 3), bound)
        assert max(once, thrice) <= bound
        assert thrice > bound / 3  # and it is used
        assert many > few
