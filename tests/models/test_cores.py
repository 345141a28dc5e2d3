"""Threads that split a batch: how many there are, and that they leave PyTorch's own threads alone."""

import os

import pytest
import torch

from maze_interp.models import cores


@pytest.mark.parametrize("threads", [1, 2])
def test_pytorchs_own_threads_are_as_before_even_after_a_failure(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with cores.workers(threads) as pool:
            assert torch.get_num_threads() == (2 if threads == 1 else 1)
            assert set(pool.map(lambda _: torch.get_num_threads(), range(4))) == {2 if threads == 1 else 1}
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), cores.workers(threads):
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_how_many_threads_it_comes_to(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)))
    assert cores.settle(0, "cpu", 16) == 6
    assert cores.settle(0, "cpu", 4) == 4
    assert [cores.settle(0, "cpu", 16, processes=count) for count in (2, 4, 9)] == [3, 1, 1]
    assert cores.settle(0, "cuda:0", 16) == 1
    assert cores.settle(3, "cpu", 16) == 3
    assert cores.settle(8, "cpu", 2) == 2
    assert cores.settle(0, "cpu", 0) == 1


def test_together_lends_threads_and_takes_none_away():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with cores.together(2):
            assert torch.get_num_threads() == 2
            with cores.together(1):
                assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
        with pytest.raises(ZeroDivisionError), cores.together(2):
            raise ZeroDivisionError
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
