"""maze_interp: how does a transformer walk a maze? Train one, watch it, read it, change it.

Importing this package is cheap: each room (and torch or transformer_lens with it) loads when it is first used.
"""

import importlib
from types import ModuleType

ROOMS = (
    "mazes", "tokens", "models", "training", "behaviour", "probing", "attention", "patching", "steering",
    "optimisation", "sequences", "figures", "experiments",
)  # fmt: skip
__all__ = ["ROOMS", *ROOMS]
__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    if name in ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"maze_interp has no room {name!r}; rooms: {', '.join(ROOMS)}")


def __dir__() -> list[str]:
    return sorted(__all__)
