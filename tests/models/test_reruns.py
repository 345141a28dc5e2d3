"""A rerun from a changed stream gives what the whole network gives with that stream put in by a hook."""

import pytest
import torch

from maze_interp.models import Site, access, fused, reruns
from tests import tiny

LAYERS = 3
AT = torch.tensor([29, 20, 25, 3])  # the last row is asked before most changes


def place(depth: int) -> Site:
    if depth == 2 * LAYERS:
        return Site("resid_post", LAYERS - 1)
    return Site(("resid_pre", "resid_mid")[depth % 2], depth // 2)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module", params=["learned", "rotary"])
def known(request):
    model = tiny.model(layers=LAYERS, positions=request.param)
    ids = torch.randint(11, 20, (4, 30), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        w = fused.weights(model)
        return model, ids, w, reruns.record(w, ids, AT)


def test_the_record_is_what_hooks_read(known):
    model, ids, _, kept = known
    torch.testing.assert_close(kept.logits, model(ids)[torch.arange(4), AT], rtol=1e-4, atol=1e-4)
    for depth, stream in enumerate(kept.stream):
        read = access.run(model, ids, read=[place(depth)]).values[place(depth)]
        torch.testing.assert_close(stream, read, rtol=1e-4, atol=1e-4)
    for layer in range(LAYERS):
        for kind, values in (("v", kept.values), ("z", kept.mixed)):
            read = access.run(model, ids, read=[Site(kind, layer)]).values[Site(kind, layer)]
            torch.testing.assert_close(values[layer].transpose(1, 2), read, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", range(2 * LAYERS + 1))
@pytest.mark.parametrize("begin", [0, 5, 21])
def test_a_rerun_is_the_whole_run_with_that_stream(known, depth, begin):
    model, ids, w, kept = known
    noise = torch.randn(2, 4, 30 - begin, model.cfg.d_model, generator=torch.Generator().manual_seed(begin))
    streams = kept.stream[depth][:, begin:] + noise
    found = reruns.rerun(w, kept, depth, begin, streams)
    for stream, logits in zip(streams, found, strict=True):
        put = lambda value, stream=stream: torch.cat([value[:, :begin], stream], dim=1)  # noqa: E731
        whole = access.run(model, ids, edits={place(depth): put}).logits[torch.arange(4), AT]
        torch.testing.assert_close(logits, whole, rtol=2e-4, atol=2e-4)


def test_what_was_asked_before_the_change_keeps_its_logits(known):
    _, _, w, kept = known
    found = reruns.rerun(w, kept, 2, 21, torch.zeros_like(kept.stream[2][None, :, 21:]))
    assert torch.equal(found[0, 3], kept.logits[3])
    assert torch.equal(found[0, 1], kept.logits[1])
    assert not torch.equal(found[0, 0], kept.logits[0])
