"""How do we compare? `make bench-peers` measures this project and its peers in turn and writes runs/bench-peers.md.

    python tests/benchmarks/peers.py                      everything: about ten minutes on two quiet cores
    python tests/benchmarks/peers.py --only data,loading  those parts again, the rest as it was measured before
    python tests/benchmarks/peers.py --quick              small sizes, to try it; written beside, never mixed with it

Each part is written as soon as it is measured (`--missing` goes on with those that are not), and a part that fails is
told with its reason. Nothing here is asserted, since machines differ; ratios are of one run, turn and turn about.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import data_rows
import network_rows
import patches
import reading
import scale
import torch
from contest import Row, line
from conversation import Peer, speaking
from environments import ENVIRONMENTS, ROOT, Missing, build
from networks import THREADS

from maze_interp import storage
from maze_interp.models import precision

Part = Callable[[Peer | None, bool], Iterable[Row | str]]


def patching(_: Peer | None, quick: bool) -> list[Row]:
    """Sweeps of one pair of prompts."""
    rows = patches.sweeps(1, 64) if quick else patches.sweeps()
    return [_from(row, goal) for row, goal in zip(rows, (8, 12), strict=True)]


def attribution(_: Peer | None, quick: bool) -> list[Row]:
    """Attribution patching of one pair of prompts."""
    return [_from(row, None) for row in patches.attributions(3 if quick else 15)]


def probes(_: Peer | None, quick: bool) -> list[Row]:
    """Logistic regression of every edge, on activations as they are and standardised."""
    count, unseen = (500, 100) if quick else (20_000, 2_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at its own limit scikit-learn says that it has not arrived
        rows = reading.regressions(count, unseen, (100, reading.ENOUGH))
    return [_from(row, goal) for row, goal in zip(rows, (12, 12, 3), strict=True)]


def lattices(_: Peer | None, quick: bool) -> list[str]:
    """Cost against lattice size."""
    return scale.table(quick)


PARTS: dict[str, tuple[Part, str]] = {  # and the peer in another environment, if one is asked
    "data": (data_rows.data, "maze-dataset"),
    "loading": (data_rows.loading, "maze-dataset"),
    "training": (network_rows.steps, "transformer-bridge"),
    "inference": (network_rows.inference, "transformer-bridge"),
    "rollouts": (network_rows.rollouts, ""),
    "patching": (patching, ""),
    "attribution": (attribution, ""),
    "probes": (probes, ""),
    "lattices": (lattices, ""),
}
ALONE = ("data", "loading")  # parts that nobody but the peer takes part in


def main() -> None:
    """Measure the parts that are asked for and write the table of all that have been measured."""
    options = _options()
    out = ROOT / "runs" / ("bench-peers-quick" if options.quick else "bench-peers")
    torch.set_num_threads(THREADS)
    for name in options.only.split(",") if options.only else PARTS:
        if not (options.missing and (out / f"{name}.json").exists()):
            begin = time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            lines = _measured(name, options.quick, out)
            print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
            storage.write_text_atomically(out / f"{name}.json", json.dumps({"lines": lines}))
            storage.write_text_atomically(out.with_suffix(".md"), _page(out))
    print(_page(out))
    print(out.with_suffix(".md"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure this project beside its peers.")
    parser.add_argument("--only", metavar="PART,..", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--missing", action="store_true", help="leave parts that have been measured as they are")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    options = parser.parse_args()
    unknown = set((options.only or "data").split(",")) - PARTS.keys()
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    return options


def _measured(name: str, quick: bool, out: Path) -> list[str]:
    """The part's lines; why there are none, if it fails."""
    part, needs = PARTS[name]
    lines: list[str] = []
    with ExitStack() as stack:
        peer = None
        if needs:
            python = build(needs)
            if isinstance(python, Missing):
                lines.append(line(Row(f"{name}: {python.reason}", "")))
                if name in ALONE:
                    return lines
            else:
                threads = 1 if name in ALONE else THREADS
                log = out / f"{needs}.log"
                peer = stack.enter_context(speaking(python, ENVIRONMENTS[needs].script, threads, log))
        try:
            for row in part(peer, quick):
                lines.append(row if isinstance(row, str) else line(row))
                print(lines[-1], file=sys.stderr, flush=True)
        except Exception as error:  # the other parts are still worth measuring
            lines.append(line(Row(f"{name}: failed, {type(error).__name__}: {error}", "")))
    return lines


def _page(out: Path) -> str:
    """The tables of all that has been measured."""
    found = {name: out / f"{name}.json" for name in PARTS}
    lines = {name: json.loads(file.read_text())["lines"] for name, file in found.items() if file.exists()}
    lattice_lines = lines.pop("lattices", [])
    machine = f"{platform.machine()}, {THREADS} of {os.cpu_count()} cores, torch {torch.__version__}"
    head = [
        f"Measured on {machine}; fastest matrix format: {precision.fastest('cpu')}. Ratios are of medians of one run.",
        "",
        "| what | ours | theirs | ratio | goal |",
        "|---|---:|---:|---:|---:|",
    ]
    return "\n".join([*head, *(row for part in lines.values() for row in part), "", *lattice_lines]) + "\n"


def _from(row: list[str], goal: float | None) -> Row:
    """A row of `make bench`, whose ratio is text."""
    what, ours, theirs, ratio = row
    return Row(what, ours, theirs, float(ratio.split()[0].replace(",", "")), goal)


if __name__ == "__main__":
    main()
