"""Every peer has a virtual environment of its own under .venv-peers/, so that none decides another's versions.

`build` installs what is missing and is cheap once that is done; a mark in the environment says what was installed. A
peer that cannot be had here is told with the reason instead of ending the run.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"
TORCH = "torch==2.13.0"  # as in constraints.txt: whichever build of it is offered


@dataclass(frozen=True)
class Environment:
    """What a peer needs, the script that speaks for it, and the versions named in the table."""

    name: str
    script: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """A peer that could not be installed, and why."""

    reason: str


ENVIRONMENTS = {
    # with the newest muutils maze-dataset 1.4.2 does not import
    "maze-dataset": Environment("maze-dataset 1.4.2", "serve_mazes.py", ("maze-dataset==1.4.2", "muutils==0.8.12")),
    "transformer-bridge": Environment("TransformerBridge 4.3", "serve_bridge.py", ("transformer-lens==4.3.0",)),
}


def build(name: str) -> Path | Missing:
    """The Python of the peer's environment, made first if need be."""
    folder, needs = FOLDER / name, (TORCH, *ENVIRONMENTS[name].needs)
    python, mark = folder / "bin" / "python", folder / "ready"
    if mark.exists() and mark.read_text() == " ".join(needs):
        return python
    print(f"installing {', '.join(needs)} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    steps = [  # torch goes first and alone, as in the Makefile
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), TORCH],
        [str(python), "-m", "pip", "install", "--quiet", *needs],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            said = [text for text in done.stderr.splitlines() if text.startswith("ERROR")] or done.stderr.splitlines()
            return Missing(f"{ENVIRONMENTS[name].name} could not be installed: {(said or ['no reason given'])[-1]}")
    mark.write_text(" ".join(needs))
    return python
