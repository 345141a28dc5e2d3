"""How do we compare? `make bench-peers` measures this project and its peers in turn and writes runs/bench-peers.md.

    python tests/benchmarks/peers.py                      everything: a quarter of an hour on two quiet cores
    python tests/benchmarks/peers.py --only data,loading  those parts again, the rest as it was measured before
    python tests/benchmarks/peers.py --quick              small sizes, to try it; written beside, never mixed with it

Each part is written as soon as it is measured, with where and when that was; `--missing` goes on with those that are
not there or not whole. A part that fails is told with its reason. No speed is asserted, since machines differ; ratios
are of medians, turn and turn about, but where a row says how else.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import data_rows
import network_rows
import patches
import reading
import scale
import torch
from contest import HEAD, Row, line
from conversation import Peer, speaking
from environments import ENVIRONMENTS, ROOT, Missing, build
from networks import THREADS

from maze_interp import storage
from maze_interp.models import precision

Part = Callable[[Peer | None, bool], Iterable[Row | str]]


def patching(_: Peer | None, quick: bool) -> list[Row]:
    """Sweeps of one pair of prompts."""
    rows = patches.sweeps(1, 64) if quick else patches.sweeps()
    return [replace(row, goal=goal) for row, goal in zip(rows, (8, 12), strict=True)]


def attribution(_: Peer | None, quick: bool) -> list[Row]:
    """Attribution patching of one pair of prompts."""
    return patches.attributions(3 if quick else 15)


def probes(_: Peer | None, quick: bool) -> list[Row]:
    """Logistic regression of every edge, on activations as they are and standardised."""
    count, unseen = (500, 100) if quick else (20_000, 2_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at its own limit scikit-learn says that it has not arrived
        rows = reading.regressions(count, unseen, (100, reading.ENOUGH))
    return [replace(row, goal=goal) for row, goal in zip(rows, (12, 12, 3), strict=True)]


def lattices(_: Peer | None, quick: bool) -> list[str]:
    """Cost against lattice size: a table of its own."""
    return [f"Time is the least of {scale.TURNS} turns of ours.", "", *scale.table(quick)]


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
ONE_THREAD = ("data", "loading")


def main() -> None:
    """Measure the parts that are asked for and write the table of all that have been measured."""
    options = _options()
    out = ROOT / "runs" / ("bench-peers-quick" if options.quick else "bench-peers")
    torch.set_num_threads(THREADS)
    for name in options.only.split(",") if options.only else PARTS:
        if not (options.missing and _held(out, name).get("whole")):
            begin = time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            found = {**_measured(name, options.quick, out), "conditions": conditions(name)}
            print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
            storage.write_text_atomically(out / f"{name}.json", json.dumps(found))
            storage.write_text_atomically(out.with_suffix(".md"), page(out, options.quick))
    print(page(out, options.quick))
    print(out.with_suffix(".md"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure this project beside its peers.")
    parser.add_argument("--only", metavar="PART,..", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--missing", action="store_true", help="leave parts that are whole as they are")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    options = parser.parse_args()
    unknown = set(options.only.split(",") if options.only else ()) - PARTS.keys()
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    return options


def _measured(name: str, quick: bool, out: Path) -> dict[str, Any]:
    """The part's lines, and whether they are all there are; why one is missing stands in its place."""
    lines: list[str] = []
    whole = True
    try:
        with _peer(name, out) as peer:
            if isinstance(peer, Missing):
                lines.append(line(Row(f"{name}: {peer.reason}", "")))
                peer, whole = None, False
            for row in PARTS[name][0](peer, quick):
                lines.append(row if isinstance(row, str) else line(row))
                print(lines[-1], file=sys.stderr, flush=True)
    except Exception as error:  # the other parts are still worth measuring
        lines.append(line(Row(f"{name}: failed, {type(error).__name__}: {error}", "")))
        print(lines[-1], file=sys.stderr, flush=True)
        whole = False
    return {"lines": lines, "whole": whole}


@contextmanager
def _peer(name: str, out: Path) -> Iterator[Peer | Missing | None]:
    """The peer that a part needs, ready to be asked; None if it needs none."""
    needs = PARTS[name][1]
    python = build(needs) if needs else None
    if not isinstance(python, Path):
        yield python
        return
    threads = 1 if name in ONE_THREAD else THREADS
    with speaking(python, ENVIRONMENTS[needs].script, threads, out / f"{needs}.log") as peer:
        yield peer


def conditions(name: str) -> str:
    """Where, when and of which commit a part is measured."""
    made = storage.provenance()
    threads = 1 if name in ONE_THREAD else THREADS
    machine = f"{_processor()}, {threads} of {os.cpu_count()} cores, torch {torch.__version__}"
    where = f"{machine}; fastest matrix format: {precision.fastest('cpu')}"
    return f"{where}; {made['time']}, commit {made['commit']}"


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    named = [text for text in known.read_text().splitlines() if text.startswith("model name")] if known.exists() else []
    return named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()


def _held(out: Path, name: str) -> dict[str, Any]:
    file = out / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def page(out: Path, quick: bool) -> str:
    """The tables of all that has been measured, each under its conditions."""
    told = ["Small sizes, no result: this shows that everything runs.", ""] if quick else []
    for name in PARTS:
        held = _held(out, name)
        if held:
            broken = "" if held.get("whole") else " Not whole."
            head = [] if name == "lattices" and held.get("whole") else HEAD
            when = held.get("conditions", "conditions were not recorded")
            told += [f"### {name}", "", f"{when}.{broken}", "", *head, *held["lines"], ""]
    return "\n".join(told)


if __name__ == "__main__":
    main()
