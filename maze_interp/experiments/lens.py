"""When does the network know its next step, and which part says it?

The stream after each layer is read as an answer, by the logit lens and by one tuned on other mazes, along the shortest
paths of test mazes: how much it puts on cells next door, and how much on those a passage leads to. Predictions: what is
next door needs no maze and is read first, passages later (published, tuned lens: 0.585 and 0.433 after the first layer,
0.991 and 0.934 at the end). The controls are the embedding, which knows its own cell alone, and a lens tuned on the
untrained network's streams to the same answers, which says what a reader makes up on its own. Then the logit of the
answer to each published task is divided among heads and MLPs, compared with the other legal tokens and with all others;
there the control is the same parts' share of another maze's answer.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from maze_interp import attention, behaviour, figures, mazes, models, probing, seeds, tables, training
from maze_interp.attention import TunedLens
from maze_interp.experiments.attributions import ALL, SHARE, attribution_rows, largest, shares_figure
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.mazes import MazeBatch
from maze_interp.models import HookedTransformer
from maze_interp.tables import Row
from maze_interp.tokens import TokenBatch
from maze_interp.training import TrainingRun

LOGIT, TUNED, MADE_UP = "logit lens", "tuned lens", "tuned, untrained"
BEYOND, LEARNT = f"{TUNED} - {MADE_UP}", f"{TUNED} - in the embedding"
MASSES = ("adjacent_mass", "connected_mass")
NEARLY = 0.95  # of the way from the embedding's mass to the output's: then it is known


@dataclass(frozen=True)
class Settings:
    """The run to read, on how many test mazes, and on how many of its training mazes the lens is tuned, in how many
    steps."""

    run: str = ""
    mazes: int = 400
    learn: int = 1500
    steps: int = 400
    seed: int = 0


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """Both lenses at every depth, and the shares of all parts. `progress` counts steps of the two lenses tuned."""
    trained = training.open_run(settings.run)
    model, untrained = trained.model(), trained.model(0)
    seed = seeds.derive(settings.seed, "lens")
    held_out = held_out_mazes(trained, settings.mazes, seed=seed)
    tokens = model.maze_tokenizer.encode(held_out, mazes.solve(held_out, seed=seed), seed=seed)
    read = attention.streams(model, tokens, tokens.graded)
    blind = attention.streams(untrained, tokens, tokens.graded)
    tuned, made_up = _tuned(trained, (model, untrained), settings, seed, progress)
    answers = {
        LOGIT: attention.logit_lens(model, read.values),
        TUNED: attention.tuned_lens(model, tuned, read.values),
        MADE_UP: attention.tuned_lens(model, made_up, blind.values),
    }
    logits = models.forced_logits(model, tokens)
    said = behaviour.predictions(logits, tokens)
    rows, tuned_masses = _rows(answers, said, held_out, model, seed)
    order = [attention.depths_later(near, open_, NEARLY, seed=seed) for near, open_ in tuned_masses]
    shares = attribution_rows(model, held_out, tokens, seed=seed)
    shown = {(row.measure, row.what["lens"], row.what["depth"]): row for row in rows}
    return Findings(
        heading="What each layer would say",
        sentences=[*_sentences(shown, model.cfg.n_layers, order), _lenses(tuned), *largest(shares)],
        tables={"lenses": rows, "attribution": shares, **({"order": order} if order else {})},
        figures={**_figures(shown, model.cfg.n_layers, order), **shares_figure(shares)},
        numbers={
            **{f"{row.measure}, {row.what['lens']}, depth {row.what['depth']}": row.value for row in rows},
            **{
                f"{row.what['task']}: {row.what['part']}": row.value
                for row in shares
                if row.measure == SHARE and row.what["against"] == ALL
            },
            **{f"divergence at depth {depth}": float(left) for depth, left in enumerate(tuned.divergence[1])},
            "test_mazes": len(held_out),
        },
    )


def _tuned(
    trained: TrainingRun,
    networks: tuple[HookedTransformer, HookedTransformer],
    settings: Settings,
    seed: int,
    progress: Progress | None,
) -> tuple[TunedLens, TunedLens]:
    """A lens tuned on the run's training mazes, chosen on its validation mazes, and one on an untrained network."""
    model, untrained = networks
    own, other = [], []
    for split, count in ((mazes.TRAIN, settings.learn), (mazes.VALIDATION, max(1, settings.learn // 5))):
        tokens = _lessons(trained, model, count, split, seeds.derive(seed, "lessons", split))
        own.append(attention.streams(model, tokens, tokens.graded))
        streams = attention.streams(untrained, tokens, tokens.graded)
        other.append(replace(streams, answers=own[-1].answers))
    lenses = []
    for number, (learn, check) in enumerate((own, other)):

        def report(done: int, total: int, before: int = number) -> None:
            if progress is not None:
                progress(before * total + done, 2 * total)

        lenses.append(attention.tune(model, learn, check, steps=settings.steps, seed=seed, progress=report))
    return lenses[0], lenses[1]


def _lessons(trained: TrainingRun, model: HookedTransformer, count: int, split: int, seed: int) -> TokenBatch:
    """Shortest paths through mazes of a split of the run's world."""
    world = mazes.each(trained.recipe.world, lambda one: replace(one, min_length=max(2, one.min_length)))
    drawn = mazes.take(world, count, seed=seed, split=split)[0]
    return model.maze_tokenizer.encode(drawn, mazes.solve(drawn, seed=seed), seed=seed)


def _rows(
    answers: dict[str, Float[Tensor, "depth sample vocab"]],
    said: behaviour.Predictions,
    held_out: MazeBatch,
    model: HookedTransformer,
    seed: int,
) -> tuple[list[Row], list[tuple[Float[np.ndarray, "maze depth"], Float[np.ndarray, "maze depth"]]]]:
    """(the teacher-forced metrics of what each lens reads at each depth, and how far its masses exceed the control's;
    the tuned lens's two masses, maze by maze, if the scheme has them)."""
    tokenizer, rows, per_depth = model.maze_tokenizer, [], []
    compared = [name for name in MASSES if tokenizer.choices.one_token_a_move]
    for depth in range(model.cfg.n_layers + 1):
        per_maze = {}
        for lens, read in answers.items():
            log_p = np.zeros_like(said.log_p)
            log_p[said.asked] = read[depth].double().cpu().numpy()
            made = replace(said, log_p=log_p)
            rows += behaviour.score_forced(made, held_out, tokenizer, seed=seed, lens=lens, depth=depth)
            per_maze[lens] = {name: behaviour.FORCED[name](made, held_out, tokenizer) for name in compared}
        per_depth.append(per_maze)
    gaps = {
        (name, against, depth): here[TUNED][name] - (here[MADE_UP] if against == BEYOND else per_depth[0][TUNED])[name]
        for against in (BEYOND, LEARNT)
        for depth, here in enumerate(per_depth)
        for name in compared
        if depth or against == BEYOND
    }
    masses = [np.stack([here[TUNED][name] for here in per_depth], axis=1) for name in compared]
    return rows + _gaps(gaps, seed), [(masses[0], masses[1])] if masses else []


def _gaps(gaps: dict[tuple[str, str, int], Float[np.ndarray, " maze"]], seed: int) -> list[Row]:
    """The mean of each difference, with an interval corrected for how many there are (Bonferroni)."""
    if not gaps:
        return []
    every = np.stack(list(gaps.values()), axis=1)
    low, high = tables.bootstrap_means(every, seed=seed, level=1 - 0.05 / len(gaps))
    ends = zip(gaps, every.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        Row(name, mean, least, most, len(every), {"lens": against, "depth": depth})
        for (name, against, depth), mean, least, most in ends
    ]


def _depth(depth: int) -> str:
    return "in the embedding" if depth == 0 else f"after layer {depth - 1}"


def _known(shown: dict[tuple[str, str, int], Row], measure: str, layers: int) -> int:
    """The first depth at which the tuned lens is nearly all the way from the embedding to the output."""
    masses = np.array([shown[measure, TUNED, depth].value for depth in range(layers + 1)])
    return int(attention.reached(masses, NEARLY))


def _order(row: Row) -> str:
    verdict = {1: "as predicted", 0: "which these mazes do not tell", -1: "not as predicted"}
    return f"{row.value:+.0f} later ({row.low:+.0f} to {row.high:+.0f}), {verdict[probing.sign(row, none=True)]}"


def _sentences(shown: dict[tuple[str, str, int], Row], layers: int, order: list[Row]) -> list[str]:
    if (MASSES[0], TUNED, 0) not in shown:
        return ["This scheme does not write a move as one token, so no mass lies on cells next door."]
    near, open_ = ([shown[name, TUNED, depth] for depth in range(layers + 1)] for name in MASSES)
    controls = [[shown[MASSES[1], name, depth] for name in (LEARNT, BEYOND)] for depth in range(1, layers + 1)]
    found = next((depth for depth, gaps in enumerate(controls, start=1) if min(gap.low for gap in gaps) > 0), None)
    says = "at no depth more on passages than in the embedding and than a lens tuned on the untrained network"
    if found is not None:
        sizes = [f"({gap.value:+.3f}, {gap.low:+.3f} to {gap.high:+.3f})" for gap in controls[found - 1]]
        says = (
            f"more on passages, first {_depth(found)}, than in the embedding {sizes[0]} and than a lens tuned on the "
            f"untrained network {sizes[1]}"
        )
    when = [_known(shown, name, layers) for name in MASSES]
    return [
        f"Read by the tuned lens, {_along('cells next door have', near)}; {_along('those a passage leads to', open_)}. "
        f"{NEARLY:.0%} of the way from first to last is gone {_depth(when[0])} for what is next door and "
        f"{_depth(when[1])} for passages, {_order(order[0])}.",
        f"The tuned lens puts {says}; intervals are corrected for {4 * layers + 2} comparisons.",
    ]


def _along(what: str, rows: list[Row]) -> str:
    """The masses in the embedding, after the first layer and at the end."""
    first = rows[1]
    return (
        f"{what} {rows[0].value:.3f} of the probability in the embedding, {first.value:.3f} ({first.low:.3f} to "
        f"{first.high:.3f}) after the first layer and {rows[-1].value:.3f} at the end"
    )


def _lenses(tuned: TunedLens) -> str:
    logit, own = tuned.divergence.tolist()
    left = ", ".join(f"{one:.2f} and {other:.2f}" for one, other in zip(logit, own, strict=True))
    return (
        "What is left between a lens and the output on validation mazes, logit lens and tuned lens, from the "
        f"embedding on: {left} nats."
    )


def _figures(
    shown: dict[tuple[str, str, int], Row], layers: int, order: list[Row]
) -> dict[str, figures.Figure | figures.Html]:
    """A curve for each mass and lens, over depth."""
    if (MASSES[0], TUNED, 0) not in shown:
        return {}
    depths = range(layers + 1)

    def line(measure: str, lens: str) -> figures.Series:
        value, low, high = (
            np.array([getattr(shown[measure, lens, depth], key) for depth in depths])
            for key in ("value", "low", "high")
        )
        name = f"{'next door' if measure == MASSES[0] else 'a passage leads there'}: {lens}"
        return figures.Series(name, np.arange(layers + 1.0), value, low, high)

    known = [_known(shown, name, layers) for name in MASSES]
    unsure = "" if order[0].low > 0 or order[0].high <= 0 else " (which is first, these mazes do not tell)"
    title = f"What is next door is known {_depth(known[0])}, passages {_depth(known[1])}{unsure}"
    lines = [line(measure, lens) for measure in MASSES for lens in (LOGIT, TUNED, MADE_UP)]
    return {
        "masses": figures.curves(
            lines, title=title, x="layers passed (0: the embedding)", y="probability of the next cell"
        )
    }
