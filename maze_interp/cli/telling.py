"""What the command line tells before anything is done: the settings of an experiment, the keys of a recipe, its cost.

`maze-interp run shifts --help` and `maze-interp train rdfs-5x5 --help` add to the command's own help what `--set` can
change there, with the values it has.
"""

import argparse
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from maze_interp import recipes


class Help(argparse.Action):
    """--help that also tells, by `tells`, of the experiment or recipe that is named before it."""

    def __init__(self, tells: Callable[[str], Iterable[str]], **others: Any) -> None:
        super().__init__(nargs=0, help="show this help message, and what can be set, and exit", **others)
        self.tells = tells

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        parser.print_help()
        named = getattr(namespace, self.dest)
        try:
            lines = [] if named is None else ["", *self.tells(named)]
        except ValueError as error:
            parser.error(str(error))
        print("\n".join(lines))
        parser.exit()


def experiment(name: str) -> Iterator[str]:
    """What an experiment asks, its settings as they are unless set, and what they mean."""
    from maze_interp.experiments import EXPERIMENTS

    if name not in EXPERIMENTS:
        raise recipes.unknown("experiment", name, EXPERIMENTS)
    module = EXPERIMENTS[name]
    yield f"{name}: {(module.__doc__ or '').splitlines()[0]}"
    yield ""
    yield from _keys(module.Settings())
    yield ""
    yield inspect.cleandoc(module.Settings.__doc__ or "")


def recipe(name: str) -> Iterator[str]:
    """Why a training recipe exists, and its keys."""
    from maze_interp import training

    found = training.find(name)
    yield f"{name}: {found.reason}"
    yield ""
    yield from _keys(found)


def cost(found: Any) -> Iterator[str]:
    """What a training recipe would cost, a line a count: on an H100, and by its own peak on this machine.

    The latter only where this machine has the recipe's device.
    """
    from maze_interp import training
    from maze_interp.models import precision

    counted = training.cost(found)
    kinds = ("weights", "gradients", "moments", "activations")
    held = {f"memory for {kind}": f"{getattr(counted, kind) / 2**20:,.1f} MiB" for kind in kinds}
    counts = {name: f"{getattr(counted, name):,.0f}" for name in ("parameters", "paths", "tokens")}
    hours = {
        "hours on one H100": f"{counted.hours(training.H100, training.costs.ASSUMED):.3g} at "
        f"{training.costs.ASSUMED:.0%} of its peak in bf16, {training.H100 / 1e12:.0f} TFLOP/s",
    }
    if precision.here(found.device):
        dtype, share = precision.settle(found.dtype, found.device), training.costs.MEASURED
        peak = precision.peak(dtype, found.device)
        reached = f"{share:.0%} of what its products in {dtype} reach, {peak / 1e12:.3g} TFLOP/s"
        hours["hours here"] = f"{counted.hours(peak, share):.3g} at {reached}"
    for name, value in {**counts, "FLOPs": f"{counted.flops:.3g}", **held, **hours}.items():
        yield f"{name:22}  {value}"


def written(value: Any) -> str:
    """A number with separators or four digits, anything else as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _keys(settings: Any) -> Iterator[str]:
    yield "what --set can change, and what it is (what stands under [model] as model.key=value):"
    yield recipes.to_toml(settings).rstrip()
