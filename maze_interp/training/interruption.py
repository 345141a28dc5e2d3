"""Stopping between two steps: a run that is told to stop finishes its step and saves first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C; what schedulers and torchrun send; a terminal that is gone
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))  # not every system has the last
HANGUP = getattr(signal, "SIGHUP", None)


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, or the process was asked to terminate, since the block began.

    Only the main thread can listen; elsewhere nothing is caught. A second time stops at once. A hangup that is ignored,
    as under `nohup`, stays ignored.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    ordinary = {number: signal.getsignal(number) for number in SIGNALS}
    if ordinary.get(HANGUP) == signal.SIG_IGN:
        del ordinary[HANGUP]

    def restore() -> None:
        for number, handler in ordinary.items():
            signal.signal(number, handler)

    def press(*_: object) -> None:
        pressed.set()
        restore()

    for number in ordinary:
        signal.signal(number, press)
    try:
        yield pressed.is_set
    finally:
        restore()
