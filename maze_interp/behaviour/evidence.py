"""What there is to say for and against five hypotheses about a walker, measured on mazes it never read.

    memorises        it solves more of the mazes it read in training than of others
    local heuristic  one rule of thumb explains its choices better than lapses of perfect search do, and where much
                     look-ahead is needed it does little better than guess
    limited search   it does worse where more look-ahead is needed, and edits far away turn its choice round less often
                     than near ones
    search           edits far away that turn the right choice round turn its choice round, and edits beside them that
                     do not do not; it chooses well where much look-ahead is needed, and in mazes of another kind
    gives up         it breaks the rules where much look-ahead is needed, and where there is no way to the goal

Each piece of evidence is one function; it returns its predictions and the tables behind them. `verdict` judges.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, seeds, tables
from maze_interp.behaviour import choosing, counterfactual, fitting, lookahead
from maze_interp.behaviour.choosing import PerDecision
from maze_interp.behaviour.hardness import what_makes_it_hard
from maze_interp.behaviour.memory import memory
from maze_interp.behaviour.solvers import POLICIES
from maze_interp.behaviour.solvers.searching import BEYOND
from maze_interp.behaviour.verdict import Prediction, farthest_quarter, mean_skill, skill
from maze_interp.behaviour.walkers import Progress, Walker
from maze_interp.mazes import Decisions, MazeBatch, PathBatch
from maze_interp.tables import Row
from maze_interp.tokens import Tokenizer

MEMORISES, LOCAL, LIMITED = "memorises", "local heuristic", "limited search"
SEARCHES, GIVES_UP = "search", "gives up"
HEURISTICS = (
    "baseline",
    "greedy_manhattan",
    "greedy_euclidean",
    "wall_follower_left",
    "wall_follower_right",
    "straight_ahead",
)
MOST_HORIZONS = 25
MOST_PAIRS = 2000


@dataclass(frozen=True)
class Evidence:
    """Predictions with what was measured, and the tables behind them by name."""

    predictions: Sequence[Prediction]
    tables: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A walker's choices at the decisions of mazes without it having gone wrong before (teacher forced)."""

    mazes: MazeBatch
    decisions: Decisions
    responses: PerDecision
    need: Int[np.ndarray, " decision"]

    @property
    def far(self) -> int:
        """The look-ahead, in steps, that about a quarter of the decisions need or exceed."""
        return farthest_quarter(self.need)


def ask(walker: Walker, asked: MazeBatch, solutions: PathBatch) -> Asked:
    """The walker's responses at every decision of the solutions, with the look-ahead a forward search needs at each.

    A decision at which every option is right, or that no forward search is ever certain of, is left out.
    """
    found = mazes.decisions(asked, solutions)
    need = mazes.look_ahead(asked, found, "forward")
    some = np.flatnonzero(need > 0)
    responses = choosing.responses(walker.choose(asked, solutions), found[some])
    return Asked(asked, found[some], responses, need[some])


def from_memory(
    walker: Walker, read: MazeBatch, unread: MazeBatch, *, seed: int, progress: Progress | None = None
) -> Evidence:
    """Does it solve more of the mazes it read than of others?"""
    rows = memory(walker, read, unread, seed=seed, turned=False, progress=progress)
    gap = next(row for row in rows if row.measure == "read - unread")
    says = "share of mazes solved, read in training less unread"
    return Evidence([Prediction(MEMORISES, "read - unread", says, 0.05, gap)], {"memory": rows})


def from_rules(asked: Asked, *, seed: int) -> Evidence:
    """Which rules of thumb explain its choices?"""
    found = asked.decisions
    candidates = {
        name: choosing.policy_responses(POLICIES[name], asked.mazes, found) for name in (*HEURISTICS, "oracle")
    }
    explained = {name: lookahead.lapsing(asked.responses, ways, found)[1] for name, ways in candidates.items()}
    scores = {name: fitting.log_likelihood(asked.responses, ways) for name, ways in explained.items()}
    best = max(HEURISTICS, key=lambda name: scores[name].mean())
    lead = choosing.mean_over_mazes("lead", scores[best] - scores["oracle"], found.maze, seed=seed)
    says = f"nats a decision by which {best} explains it better than perfect search, each with lapses"
    strata = {"look_ahead": asked.need, "deceptive": found.deceptive}
    rows = {
        "heuristics": fitting.fit_mixture(asked.responses, candidates, found, seed=seed),
        "accuracy": choosing.accuracy_by(asked.responses, found, strata, seed=seed)
        + choosing.accuracy_by(asked.responses, found, {"deceptive": found.deceptive}, seed=seed),
    }
    return Evidence([Prediction(LOCAL, "best rule - search", says, 0.0, lead)], rows)


def from_horizons(asked: Asked, *, kinds: Sequence[str] = mazes.KINDS) -> Evidence:
    """Which depth-limited searchers can it not be told from? A description: no hypothesis predicts a horizon."""
    rows = []
    for kind in kinds:
        longest = int(mazes.look_ahead(asked.mazes, asked.decisions, kind).max(initial=0))
        for beyond in BEYOND:
            horizons = range(min(MOST_HORIZONS, longest + 2))
            given = asked.responses, asked.decisions, asked.mazes, kind
            rows += lookahead.effective_look_ahead(*given, beyond=beyond, horizons=horizons)
    return Evidence([], {"look_ahead": rows})


def from_look_ahead(asked: Asked, *, seed: int) -> Evidence:
    """How well does it choose where much look-ahead is needed?"""
    found, far = asked.decisions, asked.need >= asked.far
    deep = mean_skill(asked.responses[far], found[far], seed=seed)
    where = f"where {asked.far} steps of look-ahead or more are needed"
    says = f"skill {where}, 0 for a guess and 1 for certainty"
    drop = _drop("skill, near - far", skill(asked.responses, found), far, found.maze, seed=seed)
    predictions = [
        Prediction(LOCAL, "skill, far", says, 0.5, deep, less=True),
        Prediction(SEARCHES, "skill, far", says, 0.5, deep),
        Prediction(LIMITED, "skill, near - far", f"skill elsewhere less skill {where}", 0.1, drop),
    ]
    return Evidence(predictions, {"what_makes_it_hard": what_makes_it_hard(asked.responses, found, asked.need)})


def from_edits(
    walker: Walker, asked: Asked, tokenizer: Tokenizer, *, seed: int, progress: Progress | None = None
) -> Evidence:
    """Does its choice turn round with the right one, when a passage far away is moved?

    Mazes with a cycle have no such edits; of them there is no evidence.
    """
    if (mazes.MEASURES["cycle_count"](asked.mazes) > 0).any():
        return Evidence([])
    pairs = mazes.move_passage(asked.mazes, asked.decisions, seed=seed)
    chosen = np.sort(seeds.generator(seed, "pairs").permutation(len(pairs))[:MOST_PAIRS])
    pairs = pairs[chosen]
    controls, of = mazes.controls(pairs, seed=seed)
    if len(controls) == 0:
        return Evidence([])
    reactions = [
        counterfactual.react(walker, some, tokenizer, seed=seed, progress=_half(progress, half))
        for half, some in enumerate((pairs, controls))
    ]
    mass = [counterfactual.flip_mass(some, each) for some, each in zip((pairs, controls), reactions, strict=True)]
    least = farthest_quarter(controls.distance)
    far = controls.distance >= least
    gap = (mass[0][of] - mass[1])[far]
    lead = choosing.mean_over_mazes("flip_mass, edit - control", gap, controls.maze[far], seed=seed)
    says = f"probability that turns round with an edit {least} steps away or more, less that with one that should not"
    fall = _drop("flip_mass, near - far", mass[0], pairs.distance >= least, pairs.maze, seed=seed)
    shorter = f"probability that turns round with an edit nearer than {least} steps, less that with one beyond"
    rows = [
        row
        for kind, some, each in zip(("edit", "control"), (pairs, controls), reactions, strict=True)
        for by in ((), ("distance",), ("in_support",))
        for row in counterfactual.flip_rows(some, each, seed=seed, by=by, pair=kind)
    ]
    both = [
        Prediction(SEARCHES, "far edits - controls", says, 0.5, lead),
        Prediction(LIMITED, "edits, near - far", shorter, 0.1, fall),
    ]
    return Evidence(both, {"edits": rows})


def from_elsewhere(walker: Walker, elsewhere: MazeBatch, name: str, *, seed: int) -> Evidence:
    """Does it choose well in mazes of another kind?"""
    asked = ask(walker, elsewhere, mazes.solve(elsewhere, seed=seed))
    row = mean_skill(asked.responses, asked.decisions, seed=seed, generator=name)
    says = f"skill in mazes made by {name}, 0 for a guess and 1 for certainty"
    return Evidence([Prediction(SEARCHES, f"skill, {name}", says, 0.5, row)], {"elsewhere": [row]})


def from_walks(asked: Asked, walked: PathBatch, *, seed: int) -> Evidence:
    """Does it break the rules where much look-ahead is needed?"""
    most = np.zeros(len(asked.mazes), int)
    np.maximum.at(most, asked.decisions.maze, asked.need)
    broken = ~mazes.paths.valid(asked.mazes, walked)
    far = most >= max(1, farthest_quarter(most))
    rows = [
        tables.proportion("breaks_the_rules", broken[most == need], look_ahead=int(need)) for need in np.unique(most)
    ]
    if far.all() or not far.any():
        return Evidence([], {"rules": rows})
    says = f"share of paths that break the rules, in mazes that need {most[far].min()} steps or more less in others"
    gap = tables.difference("breaks_the_rules", broken[far], broken[~far])
    return Evidence([Prediction(GIVES_UP, "rules broken, far - near", says, 0.05, gap)], {"rules": rows})


def from_cut_off(walker: Walker, cut_off: MazeBatch, thinned: MazeBatch) -> Evidence:
    """Does it break the rules where there is no way to the goal?

    `thinned` are mazes that lack passages too, but none on the way to the goal: a maze with fewer passages than usual
    may be strange enough by itself.
    """
    broken = [~mazes.paths.valid(some, walker.walk(some)) for some in (cut_off, thinned)]
    gap = tables.difference("breaks_the_rules, cut off - thinned", *broken)
    rows = [
        tables.proportion("breaks_the_rules", those, goal=goal)
        for goal, those in zip(("cut off", "in reach, branches thinned"), broken, strict=True)
    ]
    says = "share of paths that break the rules where there is no way to the goal, less where branches are missing"
    return Evidence(
        [Prediction(GIVES_UP, "rules broken, cut off - thinned", says, 0.25, gap)], {"cut_off": [*rows, gap]}
    )


def _drop(
    measure: str,
    values: Float[np.ndarray, " decision"],
    far: Bool[np.ndarray, " decision"],
    maze: Int[np.ndarray, " decision"],
    *,
    seed: int,
) -> Row:
    """The mean of the values that are not far less the mean of those that are, with an interval over mazes."""
    distinct, unit = np.unique(maze, return_inverse=True)
    if far.all() or not far.any():
        return Row(measure, float("nan"), float("nan"), float("nan"), 0)
    sums = [np.bincount(unit, weights=values * one) for one in (~far, far)]
    counts = [np.bincount(unit, weights=one) for one in (~far, far)]

    def statistic(some: Int[np.ndarray, "draw sample"]) -> Float[np.ndarray, " draw"]:
        of = [
            total[some].sum(axis=1) / np.maximum(n[some].sum(axis=1), 1) for total, n in zip(sums, counts, strict=True)
        ]
        return of[0] - of[1]

    low, high = tables.bootstrap(statistic, len(distinct), seed=seed)
    return Row(measure, float(values[~far].mean() - values[far].mean()), low, high, len(distinct))


def _half(progress: Progress | None, half: int) -> Callable[[int, int], None] | None:
    """The first or second half of a progress."""
    if progress is None:
        return None
    return lambda done, total: progress(half * total + done, 2 * total)
