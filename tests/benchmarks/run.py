"""How fast is it? `make bench` measures and writes runs/bench.md; nothing here is asserted, since machines differ.

Each comparison interleaves its contestants within one run and quotes medians, so their ratio holds where absolute
figures drift. Data is measured on one thread, networks on all of them. `make bench-peers` has more to compare with.
"""

import functools
import platform
import resource
from collections.abc import Callable
from pathlib import Path

import data_rows
import network_rows
import numpy as np
import patches
import reading
import torch
from contest import HEAD, Row, line, medians
from networks import MODEL, THREADS

from maze_interp import mazes, models, optimisation, storage, tokens
from maze_interp.mazes import World
from maze_interp.models import fused, precision, reruns

# what is also measured beside peers that need an environment of their own, here without them
SHARED = (data_rows.data, data_rows.loading, network_rows.steps, network_rows.inference, network_rows.rollouts)


def main() -> None:
    """Measure everything and write the table."""
    torch.set_num_threads(THREADS)
    lines = [
        f"Measured on {platform.machine()}, {torch.get_num_threads()} threads, {torch.__version__}; "
        f"fastest matrix format: {precision.fastest('cpu')}.",
        "",
        *HEAD,
    ]
    shared = [functools.partial(part, None, False) for part in SHARED]
    others = (schemes, streaming, reading.probes, reading.regressions, patches.sweeps, histories, small_changes)
    for measure in (*shared, *others):
        for row in measure():
            lines.append(line(row))
            print(lines[-1], flush=True)
    storage.write_text_atomically(Path("runs/bench.md"), "\n".join(lines) + "\n")
    print("\nruns/bench.md")


def schemes(count: int = 8000) -> list[Row]:
    """Encoding alone, on one core: the default scheme and the slowest of all."""
    drawn = mazes.draw(World(), count, seed=1)
    solutions = mazes.solve(drawn)
    languages = {name: tokens.Tokenizer(name, 6, 6) for name in tokens.SCHEMES}

    def encoder(language: tokens.Tokenizer) -> Callable[[], object]:
        return lambda: language.encode(drawn, solutions, seed=2)

    spent = medians({name: encoder(language) for name, language in languages.items()})
    slowest = max(spent, key=lambda name: spent[name])
    return [
        Row(f"RDFS 6 x 6, solved: to tokens, scheme {name}, mazes/s, 1 core", f"{count / spent[name]:,.0f}")
        for name in ("adjacency_list", slowest)
    ]


def streaming(count: int = 10_000_000, batch: int = 10_000) -> list[Row]:
    """Memory while streaming mazes of the training split."""
    world, first = World(), 0
    _, first = mazes.take(world, batch, seed=0, first=first, split=mazes.TRAIN)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count // batch):
        _, first = mazes.take(world, batch, seed=0, first=first, split=mazes.TRAIN)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [Row(f"streaming {count:,} training mazes of 6 x 6: peak memory grows by", f"{grown:.1f} MiB")]


def histories() -> list[Row]:
    """Optimisation and impact of one policy with their intervals, 200 histories and 8 outcomes."""
    rng = np.random.default_rng(0)
    out, table = rng.integers(0, 8, (200, 200)), rng.integers(0, 8, (16, 200))
    acts = optimisation.of_acts(table, rng.integers(0, 16, 200), 8)
    spent = medians(
        {
            "matrix": lambda: optimisation.split_history(out, outcomes=8, good=(0, 4)),
            "acts": lambda: optimisation.split_history(acts, good=(0, 4)),
        },
        30,
    )
    what = "split history, 200 histories, 8 outcomes: ms"
    return [Row(what, f"{1e3 * spent['matrix']:.2f}", f"{1e3 * spent['acts']:.2f} (by its 16 acts)")]


def small_changes() -> list[Row]:
    """Optimisation and impact of every head, MLP and stream at every position of a prompt, a future of 3 numbers."""
    model = models.build(MODEL, seed=0)
    ids = torch.from_numpy(model.maze_tokenizer.encode_prompts(mazes.draw(World(), 1, seed=0), seed=0).ids).long()
    last, w = ids.shape[1] - 1, fused.weights(model)
    with torch.no_grad():
        kept = reruns.record(w, ids, torch.tensor([last]))

    def of(positions: list[int]) -> Callable[[], object]:
        changes = optimisation.basis(positions, min(positions), ids.shape[1], kept.stream[0])
        return lambda: optimisation.respond(w, kept, min(positions), changes, lambda logits: logits[11:14])

    whole = optimisation.sketch(range(last + 1), 0, ids.shape[1], kept.stream[0], count=64, seed=0)
    spent = medians(
        {
            "goal": of([last - 1]),
            "edge and goal": of([1, 3, last - 1]),
            "prompt": lambda: optimisation.respond(w, kept, 0, whole, lambda logits: logits[11:14]),
        },
        3,
    )
    what = "small changes through every part of a 6 x 6 maze: s a maze"
    beside = f"{spent['goal']:.2f} (the goal's token), {spent['prompt']:.2f} (the prompt, 64 random directions)"
    return [Row(what, f"{spent['edge and goal']:.2f} (an edge's and the goal's tokens)", beside)]


if __name__ == "__main__":
    main()
