"""Writing on behind a changed run: as decoding does where nothing changed, and the same wherever the change is said to
begin."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, models
from maze_interp.models import continuing, fused, reruns
from tests import tiny


@pytest.fixture(scope="module", params=["learned", "rotary"])
def known(request):
    """A model that walks in all ways, prompts of one length with the first cell of their path, and their record."""
    model = tiny.talkative(1, positions=request.param)
    batch, _ = mazes.take(mazes.World("wilson", 4, 4), 6, seed=0, split=mazes.TEST)
    prompts = model.maze_tokenizer.encode_prompts(batch, seed=0)
    ids = torch.from_numpy(prompts.ids).long()
    with torch.inference_mode():
        w = fused.weights(model)
        kept = reruns.record(w, ids, torch.full((6,), ids.shape[1] - 1))
    return model, prompts, w, kept


@pytest.mark.parametrize("depth", [0, 1, 3, 4])
@pytest.mark.parametrize("begin", [0, 40, -1])
def test_an_unchanged_run_is_written_on_as_it_is_decoded(known, depth, begin):
    model, prompts, w, kept = known
    begin %= kept.stream[0].shape[1]
    with torch.inference_mode():
        prompt, logits = continuing.changed_prompt(w, kept, depth, begin, kept.stream[depth][None, :, begin:])
        written = continuing.write_on(w, prompt, logits, 8)
    torch.testing.assert_close(logits, kept.logits, atol=1e-4, rtol=1e-4)
    decoded = models.decode(model, prompts, 8)
    said = decoded != -1
    assert said.sum() > 10
    np.testing.assert_array_equal(written[said], decoded[said])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_where_a_change_is_said_to_begin_does_not_matter(known, depth):
    """Two patches of three mazes each, changed at a late position: from there on, and from the very first."""
    *_, w, kept = known
    generator = torch.Generator().manual_seed(0)
    x = kept.stream[depth].expand(2, -1, -1, -1).clone()
    x[:, :, 44] += torch.randn(x[:, :, 44].shape, generator=generator)
    with torch.inference_mode():
        late, whole = (continuing.changed_prompt(w, kept, depth, begin, x[:, :, begin:]) for begin in (44, 0))
        torch.testing.assert_close(late[1], whole[1], atol=1e-4, rtol=1e-4)
        assert not torch.allclose(late[1][:6], kept.logits, atol=1e-2)
        for one, other in zip((*late[0].keys, *late[0].values), (*whole[0].keys, *whole[0].values), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
        np.testing.assert_array_equal(continuing.write_on(w, *late, 6), continuing.write_on(w, *whole, 6))


def test_a_run_asked_before_its_end_is_refused(known):
    *_, w, kept = known
    asked = reruns.Record(kept.at - 1, *(getattr(kept, name) for name in ("stream", "queries", "keys", "values")),
                          kept.mixed, kept.logits)  # fmt: skip
    with pytest.raises(ValueError, match="at their last position"):
        continuing.changed_prompt(w, asked, 0, 0, kept.stream[0][None])
