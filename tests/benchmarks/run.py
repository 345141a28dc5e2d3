"""How fast is it? `make bench` measures and writes runs/bench.md; nothing here is asserted, since machines differ.

Each comparison interleaves its contestants within one run and quotes medians, so their ratio holds where absolute
figures drift. Data is measured on one thread, networks on all of them.
"""

import platform
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import networks
import numpy as np
import patches
import reading
import torch
from contest import medians
from networks import MODEL

from maze_interp import mazes, models, optimisation, storage, tokens, training
from maze_interp.mazes import World
from maze_interp.models import cores, fused, precision, reruns
from maze_interp.tokens import TokenBatch

PEER = {"6 x 6": 964, "20 x 20": 100}  # maze-dataset 1.4, generate + solve + token ids, mazes/s on one core
LOADED = "about 650 (maze-dataset, another machine)"


def main() -> None:
    """Measure everything and write the table."""
    lines = [
        f"Measured on {platform.machine()}, {torch.get_num_threads()} threads, {torch.__version__}; "
        f"fastest matrix format: {precision.fastest('cpu')}.",
        "",
        "| what | ours | beside it | ratio |",
        "|---|---:|---:|---:|",
    ]
    for measure in (
        data,
        schemes,
        loading,
        streaming,
        steps,
        inference,
        rollouts,
        reading.probes,
        reading.regressions,
        patches.sweeps,
        histories,
        small_changes,
    ):
        for row in measure():
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    storage.write_text_atomically(Path("runs/bench.md"), "\n".join(lines) + "\n")
    print("\nruns/bench.md")


def data() -> list[list[str]]:
    """Generate, draw endpoints, solve and tokenise on one core."""
    rows = []
    for size, count in ((6, 16_000), (20, 1_500)):
        tokenizer = tokens.Tokenizer("adjacency_list", size, size)

        def make(size: int = size, count: int = count, tokenizer: tokens.Tokenizer = tokenizer) -> TokenBatch:
            drawn = mazes.draw(World(rows=size, cols=size), count, seed=1)
            return tokenizer.encode(drawn, mazes.solve(drawn), seed=2)

        name = f"{size} x {size}"
        speed = count / medians({"": make}, 9)[""]
        peer = PEER[name]
        what = f"RDFS {name}: generate + solve + tokenise, mazes/s, 1 core"
        rows.append([what, f"{speed:,.0f}", f"{peer:,} (maze-dataset, another machine)", f"{speed / peer:,.0f} x"])
    return rows


def schemes(count: int = 8000) -> list[list[str]]:
    """Encoding alone, on one core: the default scheme and the slowest of all."""
    drawn = mazes.draw(World(), count, seed=1)
    solutions = mazes.solve(drawn)
    languages = {name: tokens.Tokenizer(name, 6, 6) for name in tokens.SCHEMES}

    def encoder(language: tokens.Tokenizer) -> Callable[[], object]:
        return lambda: language.encode(drawn, solutions, seed=2)

    spent = medians({name: encoder(language) for name, language in languages.items()})
    slowest = max(spent, key=lambda name: spent[name])
    return [
        [f"RDFS 6 x 6, solved: to tokens, scheme {name}, mazes/s, 1 core", f"{count / spent[name]:,.0f}", "", ""]
        for name in ("adjacency_list", slowest)
    ]


def loading(count: int = 100_000) -> list[list[str]]:
    """A baked set of 7 x 7 mazes by memory map, every byte read."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = mazes.DatasetRecipe("bench", World(rows=7, cols=7), count, 10, 10, reason="to be loaded")
        mazes.bake(recipe, Path(folder) / "baked")

        def load() -> None:
            baked = mazes.load_baked(Path(folder) / "baked")
            for array in (baked.passages, baked.start, baked.goal):
                np.ascontiguousarray(array).view(np.uint8).sum()

        spent = medians({"": load})[""]
    return [[f"loading {count:,} baked mazes of 7 x 7, every byte read: ms", f"{1000 * spent:.1f}", LOADED, ""]]


def streaming(count: int = 10_000_000, batch: int = 10_000) -> list[list[str]]:
    """Memory while streaming mazes of the training split."""
    world, first = World(), 0
    _, first = mazes.take(world, batch, seed=0, first=first, split=mazes.TRAIN)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count // batch):
        _, first = mazes.take(world, batch, seed=0, first=first, split=mazes.TRAIN)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [[f"streaming {count:,} training mazes of 6 x 6: peak memory grows by", f"{grown:.1f} MiB", "", ""]]


def steps() -> list[list[str]]:
    """One optimiser step, path loss: the plain loop over HookedTransformer against the library's own step.

    First the same 64 sequences of 192 tokens for both; then 64 real paths, for us eight to a maze.
    """
    alone, shared = networks.recipes()
    long, real, together = networks.sequences(), next(training.batches(alone)), next(training.batches(shared))
    with cores.workers(networks.THREADS) as pool:
        equal = medians({"plain": networks.plain_step(long), "ours": networks.own_step(long, alone, pool)})
        spent = medians({"plain": networks.plain_step(real), "ours": networks.own_step(together, shared, pool)})
    what = "training, RDFS 6 x 6, eight paths share a maze: paths/s"
    return [
        _row("training step, d128 L6 H4, 64 x 192 tokens: tokens/s", long.ids.size, equal),
        _row(what, len(real), spent),
    ]


def _row(what: str, count: int, spent: dict[str, float]) -> list[str]:
    speeds = [f"{count / spent['ours']:,.0f}", f"{count / spent['plain']:,.0f} (HookedTransformer, float32)"]
    return [what, *speeds, f"{spent['plain'] / spent['ours']:.2f} x"]


def inference() -> list[list[str]]:
    """Logits at every position, no hooks in use."""
    batch = networks.sequences()
    spent = medians({"hooked": networks.plain_logits(batch), "ours": networks.own_logits(batch)})
    speed = {name: batch.ids.size / seconds for name, seconds in spent.items()}
    what = "logits everywhere, no hooks: tokens/s"
    beside = f"{speed['hooked']:,.0f} (HookedTransformer)"
    return [[what, f"{speed['ours']:,.0f}", beside, f"{spent['hooked'] / spent['ours']:.2f} x"]]


def rollouts(count: int = 1000, written: int = 12) -> list[list[str]]:
    """Greedy decoding of `count` mazes by a model that writes `written` cells (the mean path and its end) and no end.

    Without its cache, transformer_lens is measured on a tenth of the mazes.
    """
    model = networks.writer()
    prompts = model.maze_tokenizer.encode_prompts(mazes.draw(World(), count, seed=0), seed=0)
    contestants = {
        "cached": networks.generate(model, prompts, written, batch=100, cache=True),
        "uncached": networks.generate(model, prompts[: count // 10], written, batch=100, cache=False),
        "ours": networks.own_rollouts(model, prompts, written),
    }
    spent = medians(contestants, 3)
    mine, cached, uncached = (count / spent[name] for name in ("ours", "cached", "uncached"))
    uncached /= 10
    what, beside = f"greedy rollouts, 6 x 6, {written} tokens: mazes/s", f"{cached:,.0f} (generate, cached, batch 100)"
    return [
        [what, f"{mine:,.0f}", beside, f"{mine / cached:.1f} x"],
        ["the same beside generate without its cache", f"{mine:,.0f}", f"{uncached:,.1f}", f"{mine / uncached:.0f} x"],
    ]


def histories() -> list[list[str]]:
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
    return [[what, f"{1e3 * spent['matrix']:.2f}", f"{1e3 * spent['acts']:.2f} (by its 16 acts)", ""]]


def small_changes() -> list[list[str]]:
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
    return [[what, f"{spent['edge and goal']:.2f} (an edge's and the goal's tokens)", beside, ""]]


if __name__ == "__main__":
    main()
