"""Data parallel training: several processes ("ranks") each take a part of every step's mazes.

    torchrun --nproc-per-node 2 -m maze_interp train rdfs-5x5 --out runs/five

torchrun starts the processes and tells each its rank; PyTorch's collectives (gloo on CPUs, nccl on GPUs) add up what
they computed, so that all take the same step from the same weights as one process would. This is what PyTorch's
DistributedDataParallel does, but not its wrapper: that hangs on `module.forward`, which the fused pass goes round, and
averages ranks as equals, though a rank's mazes may have more tokens that count than another's. Every rank draws a
step's mazes whole (a third of a millisecond for 64 paths) and so knows, unasked, how many tokens count in all.
Every function here does the obvious when there is one process. All ranks must see the run's folder.

On Ctrl-C or SIGTERM torchrun gives its processes 30 seconds (TORCH_ELASTIC_SHUTDOWN_TIMEOUT, in seconds) and then
kills them: a run finishes its step and saves, which fits; one caught validating has saved before. A run's threads are
those of each rank, its share of the machine's cores as the run began, and stay what they are, as its recipe says, when
it is gone on with by more ranks, which then crowd each other, or by fewer, which leave cores idle.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
PATIENCE = timedelta(hours=1)  # how long ranks wait for the first one to validate or save


@contextmanager
def joined(device: str, *, meeting: str = "env://") -> Iterator[None]:
    """While it lasts, what trains here trains with the other processes that torchrun started; alone, nothing happens.

    On GPUs each process takes the one of its LOCAL_RANK, which "cuda" means from then on. `meeting` is where they find
    each other (`torch.distributed.init_process_group`). Raises ValueError if a process would have no GPU of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    rank, ranks, local_rank, local_ranks = _told_by_torchrun()
    check_device(device, local_ranks)
    if device == "cuda":
        torch.cuda.set_device(local_rank)
    dist.init_process_group(BACKENDS[device], init_method=meeting, rank=rank, world_size=ranks, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def check_device(device: str, local_ranks: int) -> None:
    """Raise ValueError unless so many processes of this machine can each have a device of that kind."""
    if device not in BACKENDS:
        raise ValueError(f"ranks compute on one of {', '.join(BACKENDS)}, not on {device!r}")
    gpus = torch.cuda.device_count()
    if device == "cuda" and local_ranks > gpus:
        raise ValueError(f"{local_ranks} ranks need a GPU each, and this machine has {gpus}: start at most that many")


def check_share(mazes_per_step: int) -> None:
    """Raise ValueError unless every rank gets a maze of each step."""
    if count() > mazes_per_step:
        raise ValueError(f"{count()} ranks cannot share {mazes_per_step} mazes a step: start at most that many")


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _together() else 1


def count_here() -> int:
    """How many of them this machine's cores are shared by."""
    return min(count(), int(os.environ.get("LOCAL_WORLD_SIZE", count())))


def rank() -> int:
    """This process's place among them, from 0: the first alone writes files, validates and reports."""
    return dist.get_rank() if _together() else 0


def summed(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Each tensor's sum over the ranks, the same bits on all of them."""
    if not _together():
        return list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])  # one message instead of hundreds
    _wait_for_all(dist.all_reduce, flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def total(value: float) -> float:
    """A number's sum over the ranks."""
    return summed([torch.tensor(value, dtype=torch.float64)])[0].item()


def anywhere(flag: bool) -> bool:
    """Whether it holds on any rank."""
    return total(float(flag)) > 0


def once(work: Callable[..., T], *given: Any) -> T:
    """What `work(*given)` comes to on the first rank, told to all, who wait for it; its error is raised on all."""
    if not _together():
        return work(*given)
    told: list[Any] = [None, None]
    if rank() == 0:
        try:
            told[0] = work(*given)
        except Exception as error:  # the others must not wait for what will never come
            told[1] = error
    _wait_for_all(dist.broadcast_object_list, told, device=torch.device("cpu"))
    if told[1] is not None:
        raise told[1]
    return told[0]


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


def _told_by_torchrun() -> list[int]:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ValueError(f"WORLD_SIZE is set, but not {', '.join(missing)}: let torchrun start the ranks")
    return [int(os.environ[name]) for name in names]


def _wait_for_all(collective: Callable[..., Any], *given: Any, **named: Any) -> None:
    try:
        collective(*given, **named)
    except RuntimeError as error:
        told = "another rank has stopped, or cannot be reached; go on from the newest checkpoint, if there is one"
        raise ConnectionError(f"{told}: {error}") from error
