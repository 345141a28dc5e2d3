"""Search or heuristics? What five hypotheses predict of a walker's choices, and what its choices say to that.

It memorises, it follows a local heuristic, it searches only so far, it searches, it gives up: `behaviour.evidence` says
what each predicts and measures it, `behaviour.verdict` says when a prediction holds; both were fixed before any
measurement. The same page is made for walkers whose ways are known (`walker=oracle`, `baseline`, any of POLICIES, or
`untrained`), and its verdict on those is what makes the verdict on a model believable. A search, here, is anything
whose choices follow the far end of the maze as a search's do; how that is done inside is not asked.
"""

from dataclasses import dataclass, replace

import numpy as np

from maze_interp import behaviour, figures, mazes, models, recipes, seeds, training
from maze_interp.behaviour import POLICIES, Walker, evidence, lookahead, shifts, verdict
from maze_interp.behaviour.evidence import Evidence
from maze_interp.behaviour.verdict import Prediction
from maze_interp.experiments.behaviour import held_out_mazes
from maze_interp.experiments.findings import Findings, Progress
from maze_interp.figures import Figure, Series
from maze_interp.tables import Row
from maze_interp.training import TrainingRun

MODEL, UNTRAINED = "model", "untrained"
STAGES = 6
FEWEST = 20  # mazes behind a point of a curve


@dataclass(frozen=True)
class Settings:
    """The run whose test mazes are asked about, and who walks them: "model", "untrained", or one of POLICIES."""

    run: str = ""
    walker: str = MODEL
    mazes: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.walker not in (MODEL, UNTRAINED, *POLICIES):
            raise recipes.unknown("walker", self.walker, (MODEL, UNTRAINED, *POLICIES))


def run(settings: Settings, progress: Progress | None = None) -> Findings:
    """The verdict on one walker. `progress` counts stages of the work."""
    trained = training.open_run(settings.run)
    seed = seeds.derive(settings.seed, "search or heuristic")
    walker = walker_of(trained, settings.walker, seed=seed)
    unread = held_out_mazes(trained, settings.mazes, seed=seed)
    solutions = mazes.solve(unread, seed=seed)
    told = 0

    def stage() -> None:
        nonlocal told
        told += 1
        if progress is not None:
            progress(told, STAGES)

    walked = walker.walk(unread)
    stage()
    asked = evidence.ask(walker, unread, solutions)
    stage()
    generator, elsewhere = other_mazes(trained, len(unread) // 2, seed=seed)
    found = [evidence.from_memory(walker, training.mazes_read(trained), unread, seed=seed)]
    stage()
    found += [evidence.from_rules(asked, seed=seed), evidence.from_look_ahead(asked, seed=seed)]
    found += [evidence.from_horizons(asked)]
    stage()
    found += [evidence.from_edits(walker, asked, trained.recipe.model.tokenizer, seed=seed)]
    stage()
    found += [evidence.from_elsewhere(walker, elsewhere, generator, seed=seed)]
    found += [evidence.from_walks(asked, walked, seed=seed)]
    home, few = shifts.home_of(trained.recipe), len(unread) // 4
    lacking = [shifts.shifted(name, home, few, seed=seed).mazes for name in ("goal_cut_off", "branches_thinned")]
    found += [evidence.from_cut_off(walker, *lacking)]
    stage()
    rules = behaviour.evaluate(unread, walked, solutions, seed=seed, metrics=("exact", "optimal", "valid"))
    return findings(walker.name, found, rules)


def walker_of(trained: TrainingRun, name: str, *, seed: int) -> Walker:
    """The run's model, its network before training, or a solver."""
    if name == MODEL:
        return behaviour.of_model(trained.model(), seed=seed, name=trained.recipe.name)
    if name == UNTRAINED:
        return behaviour.of_model(models.build(trained.recipe.model, seed=trained.recipe.seed), seed=seed, name=name)
    return behaviour.of_policy(POLICIES[name], seed=seed, name=name)


def other_mazes(trained: TrainingRun, count: int, *, seed: int) -> tuple[str, mazes.MazeBatch]:
    """(generator, test mazes of the run's world but for their generator, which is one that it does not use)."""
    world = trained.recipe.world
    used = {one.generator for one in (world.worlds.values() if isinstance(world, mazes.Mixture) else [world])}
    name = next(name for name in ("wilson", "depth_first", "kruskal") if name not in used)
    other = mazes.each(world, lambda one: replace(one, generator=name, knobs={}, min_length=max(2, one.min_length)))
    return name, mazes.take(other, count, seed=seed, split=mazes.TEST)[0]


def findings(name: str, found: list[Evidence], rules: list[Row]) -> Findings:
    """The page: the verdict in words, the predictions, and what lies behind them."""
    predictions = [one for each in found for one in each.predictions]
    tables = {kind: rows for each in found for kind, rows in each.tables.items()}
    legal = next(row for row in rules if row.measure == "valid").value
    verdicts = verdict.judge(predictions)
    shown = {
        "predictions": predicted(name, predictions),
        "accuracy": accuracy(name, tables["accuracy"]),
        **({"edits": edits(name, tables["edits"])} if "edits" in tables else {}),
        "heuristics": weights(name, tables["heuristics"]),
    }
    numbers = {f"{one.hypothesis}: {one.name}": one.measured.value for one in predictions}
    numbers |= {row.measure: row.value for row in rules}
    return Findings(
        heading=f"Search or heuristics? {name}",
        sentences=[
            opinion(name, legal, verdicts),
            *(because(which, predictions) for which in verdicts),
            horizons(tables["look_ahead"]),
            *hardest(tables["what_makes_it_hard"]),
            "Choices are asked along the shortest path, so that one wrong turn does not hide the next. What follows "
            "the far end of the maze as a search does is called a search here; how it is done inside is not asked, and "
            "nothing is known beyond mazes like these.",
        ],
        tables={"predictions": [one.row for one in predictions], "walks": rules, **tables},
        figures=shown,
        numbers=numbers,
    )


def opinion(name: str, legal: float, verdicts: dict[str, str]) -> str:
    """The verdict in a sentence."""
    if legal < verdict.WALKS:
        return (
            f"{name} keeps to the passages in {legal:.1%} of mazes: it does not walk them, so there is nothing to "
            f"explain, and what is said of its choices below is said of noise."
        )
    of = {kind: [which for which, what in verdicts.items() if what == kind] for kind in set(verdicts.values())}
    words = [
        f"{says} that it {_does(of[kind])}"
        for kind, says in (
            (verdict.SUPPORTED, "what was measured supports"),
            (verdict.CONTRADICTED, "contradicts"),
            (verdict.MIXED, "and leaves open"),
        )
        if kind in of
    ]
    return f"{name} keeps to the passages in {legal:.1%} of mazes; {', '.join(words)}."


def because(hypothesis: str, predictions: list[Prediction]) -> str:
    """Each prediction of a hypothesis, what was measured and what became of it."""
    mine = [one for one in predictions if one.hypothesis == hypothesis]
    held = sum(one.held is True for one in mine)
    parts = [
        f"{one.says}: predicted {one.row.what['predicts']}, measured {one.measured.value:.3f}{_interval(one.measured)}"
        for one in mine
    ]
    return f"That it {_does([hypothesis])}: {held} of {len(mine)} predictions held ({'; '.join(parts)})."


def horizons(rows: list[Row]) -> str:
    """Which depth-limited searchers the walker cannot be told from."""
    said = []
    for kind, beyond in dict.fromkeys((row.what["kind"], row.what["beyond"]) for row in rows):
        left = lookahead.horizons_left(rows, kind=kind, beyond=beyond)
        if left:
            said.append(f"{kind}, then {beyond}: {', '.join(map(str, left))}")
    if not said:
        return "It can be told from every depth-limited searcher tried, of whatever kind and horizon."
    return f"Horizons, in steps, of the depth-limited searchers it cannot be told from: {'; '.join(said)}."


def hardest(rows: list[Row]) -> list[str]:
    """What makes a choice hard for it, each with the others held; nothing where no choice is wrong, or all are."""
    said = [f"{row.measure.removeprefix('log-odds by ')} {row.value:+.2f}{_interval(row, 2)}" for row in rows]
    if np.isnan([row.low for row in rows]).any():
        return []
    return [f"Log-odds of a right choice for one standard deviation of each trait, the others held: {', '.join(said)}."]


def predicted(name: str, predictions: list[Prediction]) -> Figure:
    """Every prediction's measurement, coloured by what became of it."""
    rows = [
        replace(one.row, measure=f"{one.hypothesis}: {one.name}, {one.row.what['predicts']}") for one in predictions
    ]
    held = sum(one.held is True for one in predictions)
    title = f"{name}: {held} of {len(predictions)} predictions hold"
    return figures.intervals(rows, title=title, x="what was measured, 95% interval", group="held")


def accuracy(name: str, rows: list[Row]) -> Figure:
    """Accuracy against the look-ahead needed, where the right way leads towards the goal and where away from it."""
    lines = [
        _line("deceptive" if side else "aligned", "look_ahead", [r for r in rows if r.what.get("deceptive") is side])
        for side in (False, True)
    ]
    overall = [row.value for row in rows if "look_ahead" not in row.what]
    title = f"{name} chooses rightly at {overall[0]:.0%} of aligned" + (
        f" and {overall[1]:.0%} of deceptive decisions" if len(overall) > 1 else " decisions"
    )
    return figures.curves(lines, title=title, x="look-ahead needed (steps)", y="mass on right ways, 95% interval")


def edits(name: str, rows: list[Row]) -> Figure:
    """What turns round with an edit, against its distance, beside the edits that should change nothing."""
    mass = [row for row in rows if row.measure == "flip_mass"]
    whole = {row.what["pair"]: row.value for row in mass if not {"distance", "in_support"} & set(row.what)}
    lines = [
        _line(pair, "distance", [row for row in mass if row.what["pair"] == pair and "distance" in row.what])
        for pair in ("edit", "control")
    ]
    title = f"{name}: {whole['edit']:.0%} of its choice turns round with the right one, {whole['control']:.0%} beside"
    return figures.curves(lines, title=title, x="distance of the edit (steps)", y="probability that turns round")


def weights(name: str, rows: list[Row]) -> Figure:
    """The fitted mixture of heuristics, perfect search and lapses."""
    mine = [row for row in rows if row.measure == "weight"]
    most = max(mine, key=lambda row: row.value)
    title = f"{name} is explained best by {most.what['candidate']} ({most.value:.0%} of its choices)"
    return figures.intervals(mine, title=title, x="weight, 95% interval", by="candidate", share=True)


def _line(name: str, x: str, rows: list[Row]) -> Series:
    known = sorted((row for row in rows if x in row.what and row.n >= FEWEST), key=lambda row: row.what[x])
    value, low, high = (np.array([getattr(row, key) for row in known]) for key in ("value", "low", "high"))
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    return Series(name, np.array([float(row.what[x]) for row in known]), value, low, high)


def _does(hypotheses: list[str]) -> str:
    words = {
        evidence.MEMORISES: "knows its mazes by heart",
        evidence.LOCAL: "follows a local heuristic",
        evidence.LIMITED: "looks ahead only so far",
        evidence.SEARCHES: "searches",
        evidence.GIVES_UP: "gives up",
    }
    return " and ".join(words[one] for one in hypotheses)


def _interval(row: Row, digits: int = 3) -> str:
    return "" if np.isnan(row.low) else f" ({row.low:.{digits}f} to {row.high:.{digits}f})"
