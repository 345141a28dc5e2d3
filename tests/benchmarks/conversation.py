"""Our half of a conversation with a peer that runs in an environment of its own (see `serving` for its half)."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contest import Check, Turn

HERE = Path(__file__).parent
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PATIENCE = 60  # seconds that a peer has to end once it is asked nothing more


@dataclass(frozen=True)
class Peer:
    """A process that is ready to be asked, and the file that holds what its libraries print."""

    process: subprocess.Popen
    log: Path


@contextmanager
def speaking(python: Path, script: str, threads: int, log: Path) -> Iterator[Peer]:
    """The peer's process, told to use so many threads, for as long as it is needed."""
    settings = {**os.environ, **dict.fromkeys(VARIABLES, str(threads)), "PYTHONWARNINGS": "ignore"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(python), str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=settings,
        )
        try:
            peer = Peer(process, log)
            _heard(peer)
            yield peer
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            _end(process)


def turn(peer: Peer, action: str, check: Check = lambda value: None, **settings: Any) -> Turn:
    """A turn of the peer's, prepared by it now; the seconds are its own, without what the conversation costs.

    `check` is given the number that its work comes to, every time.
    """
    task = _ask(peer, {"prepare": action, "settings": settings})["task"]

    def measured() -> float:
        answer = _ask(peer, {"measure": task})
        check(answer["value"])
        return answer["seconds"]

    return measured


def value(peer: Peer, action: str, **settings: Any) -> float:
    """The number that the peer's work comes to."""
    task = _ask(peer, {"prepare": action, "settings": settings})["task"]
    return _ask(peer, {"measure": task})["value"]


def _end(process: subprocess.Popen) -> None:
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ask(peer: Peer, asked: dict[str, Any]) -> dict[str, Any]:
    with suppress(BrokenPipeError):  # it has ended, as reading will tell
        peer.process.stdin.write(json.dumps(asked) + "\n")
        peer.process.stdin.flush()
    return _heard(peer)


def _heard(peer: Peer) -> dict[str, Any]:
    line = peer.process.stdout.readline()
    if not line:
        raise RuntimeError(f"the peer's process has ended; what it said is in {peer.log}")
    answer = json.loads(line)
    if "error" in answer:
        raise RuntimeError(f"the peer failed: {answer['error']} ({peer.log})")
    return answer
