"""The number format is measured once and always named."""

import pytest
import torch

from maze_interp.models import precision


def dtype_of_a_product(dtype):
    with precision.autocast(dtype, "cpu"):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_the_context_computes_in_the_format_asked_for():
    assert dtype_of_a_product("float32") == torch.float32
    assert dtype_of_a_product("bfloat16") == torch.bfloat16


def test_auto_is_the_format_that_was_faster_and_stays_the_same():
    fastest = precision.fastest("cpu")
    assert fastest in ("float32", "bfloat16")
    assert {dtype_of_a_product("auto") for _ in range(3)} == {getattr(torch, fastest)}


@pytest.mark.parametrize(("gain", "chosen"), [(1.0, "float32"), (1.2, "float32"), (2.0, "bfloat16")])
def test_bfloat16_must_gain_clearly(monkeypatch, gain, chosen):
    monkeypatch.setattr(precision, "_seconds", lambda dtype, device: gain if dtype == torch.float32 else 1.0)
    assert precision.fastest.__wrapped__("cpu") == chosen


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="unknown dtype 'bfloat61'; did you mean 'bfloat16'"):
        precision.autocast("bfloat61", "cpu")
