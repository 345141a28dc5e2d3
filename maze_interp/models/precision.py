"""Which number format is fastest on the processor at hand: measured, not assumed.

bf16 doubles the matrix throughput of some processors and is ten times slower than float32 on others, so "auto" times
one product of the size a maze model makes in each and takes bf16 only where it gains clearly.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Literal

import torch

from maze_interp import recipes

Format = Literal["float32", "bfloat16"]
DTYPES = ("auto", "float32", "bfloat16")
SIDES, SIDE = {"cpu": 1024}, 8192  # of the matrices whose product is a device's peak; large lest starting it counts
GAIN = 1.3  # below this, bf16's casts and coarser gradients are not worth it


def autocast(dtype: str, device: str) -> AbstractContextManager:
    """The context in which the fused pass computes: bf16 autocast, or nothing for float32."""
    chosen = settle(dtype, device)
    return torch.autocast(device.split(":")[0], torch.bfloat16) if chosen == "bfloat16" else nullcontext()


def settle(dtype: str, device: str) -> Format:
    """The format to compute in: "auto" becomes the faster of the two on `device`. Raises ValueError for another."""
    if dtype not in DTYPES:
        raise recipes.unknown("dtype", dtype, DTYPES)
    if dtype == "auto":
        return fastest(device)
    return "bfloat16" if dtype == "bfloat16" else "float32"


@cache
def fastest(device: str) -> Format:
    """ "bfloat16" where it multiplies matrices at least 1.3 times as fast as float32, else "float32".

    Takes 50 ms, or two seconds where bf16 is as slow as it can be.
    """
    return "bfloat16" if _seconds(torch.float32, device) > GAIN * _seconds(torch.bfloat16, device) else "float32"


def here(device: str) -> bool:
    """Whether this machine has such a device."""
    return device == "cpu" or torch.cuda.is_available()


def peak(dtype: str, device: str) -> float:
    """Operations a second of a product of large square matrices in a format, on all of a device: the most of a few."""
    side = SIDES.get(device, SIDE)
    return 2 * side**3 / _seconds(getattr(torch, settle(dtype, device)), device, (side, side, side))


def _seconds(dtype: torch.dtype, device: str, sides: tuple[int, int, int] = (4096, 128, 512)) -> float:
    rows, inner, cols = sides
    left, right = (
        torch.ones(rows, inner, dtype=dtype, device=device),
        torch.ones(inner, cols, dtype=dtype, device=device),
    )
    best = float("inf")
    for _ in range(4):
        begin = time.perf_counter()
        (left @ right)[0, 0].item()
        best = min(best, time.perf_counter() - begin)
    return best
