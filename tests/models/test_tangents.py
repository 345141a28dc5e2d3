"""Small changes carried forward and backward: against central differences, against each other, and against a freeze."""

import pytest
import torch

from maze_interp.models import fused, reruns, tangents
from tests import tiny


def point(positions: str, length: int = 9):
    """A rough model in double precision and the record of one sequence, asked at its last position but one."""
    model = tiny.model(3, positions=positions, layers=2).double()
    ids = torch.randint(0, model.cfg.d_vocab, (1, length), generator=torch.Generator().manual_seed(0))
    w = fused.weights(model)
    with torch.no_grad():
        return w, reruns.record(w, ids, torch.tensor([length - 2]))


def moved(w, kept, begin: int, change, step: float):
    """The record of the run whose first stream moved a step: everything after the embedding computed anew."""
    x = kept.stream[0].clone()
    x[0, begin:] += step * change
    streams, mixed = [x], []
    positions = torch.arange(x.shape[1])
    for layer in w.layers:
        mixed.append(fused.attend_causal(*fused.qkv(w, layer, streams[-1], positions)))
        streams.append(fused.after_heads(layer, streams[-1], mixed[-1]))
        streams.append(fused.after_mlp(layer, streams[-1]))
    return streams, mixed, fused.unembed(w, streams[-1][0, kept.at[0]])


def slope(of) -> torch.Tensor:
    """Central differences of fourth order: off by about 1e-10 here."""
    step = 1e-4
    return (8 * (of(step) - of(-step)) - (of(2 * step) - of(-2 * step))) / (12 * step)


@pytest.mark.parametrize(("positions", "begin"), [("learned", 0), ("rotary", 3)])
def test_directions_agree_with_central_differences(positions, begin):
    w, kept = point(positions)
    later = kept.stream[0].shape[1] - begin
    changes = torch.randn(2, later, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = list(tangents.forward(w, kept, begin, changes))
        for index, change in enumerate(changes):
            run = [slope(lambda step, c=change, d=depth: moved(w, kept, begin, c, step)[0][d]) for depth in range(5)]
            mix = [slope(lambda step, c=change, d=depth: moved(w, kept, begin, c, step)[1][d]) for depth in range(2)]
            for depth, layer in enumerate(found):
                parts = zip((layer.before, layer.middle, layer.after), run[2 * depth :], strict=False)
                for tangent, expected in parts:
                    torch.testing.assert_close(tangent[index], expected[0, begin:], rtol=1e-7, atol=1e-8)
                torch.testing.assert_close(layer.mixed[index], mix[depth][0, :, begin:], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_at_every_depth_forward_times_backward_is_the_same_response(positions):
    """What reaches the future passes through the whole stream at each depth: one number, computed seven ways."""
    w, kept = point(positions)
    values, back = tangents.backward(w, kept, lambda logits: logits[:3] - logits[3:6])
    torch.testing.assert_close(values, kept.logits[0, :3] - kept.logits[0, 3:6])
    changes = torch.randn(5, 9, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    response = torch.einsum("fpd,kpd->fk", back[0], changes)
    with torch.no_grad():
        for depth, layer in enumerate(tangents.forward(w, kept, 0, changes)):
            for at, part in ((2 * depth + 1, layer.middle), (2 * depth + 2, layer.after)):
                torch.testing.assert_close(torch.einsum("fpd,kpd->fk", back[at], part), response)


def test_backward_agrees_with_central_differences():
    w, kept = point("rotary")
    _, back = tangents.backward(w, kept, lambda logits: logits[:2].exp())
    change = torch.randn(9, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = slope(lambda step: moved(w, kept, 0, change, step)[2][:2].exp())
    torch.testing.assert_close((back[0] * change).sum(dim=(1, 2)), expected, rtol=1e-7, atol=1e-8)


def test_what_is_asked_does_not_see_what_follows():
    w, kept = point("learned")
    _, back = tangents.backward(w, kept, lambda logits: logits[:2])
    for depth in back:
        assert (depth[:, -1] == 0).all()
    assert (back[0][:, :-1] != 0).any(dim=-1).all()
