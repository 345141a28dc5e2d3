"""One core, one thread, one share of the batch.

PyTorch's own threads split every operation and wait for each other hundreds of times a step, so one busy neighbour on
the machine stalls them all. Threads that split the batch wait once, at its end.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import torch

LIMIT: ContextVar[int | None] = ContextVar("cores", default=None)


def settle(threads: int, device: str, shares: int, *, processes: int = 1) -> int:
    """How many threads split the work: 0 becomes one a core on a CPU, one on any other device; at most one a share.

    `processes` do such work on this machine at once and share its cores.
    """
    cores = LIMIT.get() or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    wanted = threads or (cores // processes if torch.device(device).type == "cpu" else 1)
    return max(min(wanted, shares), 1)


@contextmanager
def workers(threads: int) -> Iterator[Executor]:
    """An executor of so many threads, each computing on one core; one thread keeps all of PyTorch's own threads."""
    before = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
        try:
            yield pool
        finally:
            torch.set_num_threads(before)


@contextmanager
def together(threads: int) -> Iterator[None]:
    """For work that cannot be split by mazes: while it lasts, PyTorch splits each operation between so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(threads, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def limited(cores: int) -> Iterator[None]:
    """For work beside other work of its kind: while it lasts, the machine has so many cores, for PyTorch too."""
    before, kept = torch.get_num_threads(), LIMIT.set(cores)
    torch.set_num_threads(cores)
    try:
        yield
    finally:
        LIMIT.reset(kept)
        torch.set_num_threads(before)
