"""What there is to say for and against five hypotheses about a walker, measured on mazes it never read.

    memorises        it solves more of the mazes it read in training than of others
    local heuristic  one rule of thumb explains its choices better than lapses of perfect search do, and as far as these
                     mazes ask anybody to look ahead it does little better than guess
    limited search   it does worse where more look-ahead is needed, and a searcher whose horizon is shorter than these
                     mazes ask for chooses as it does
    search           as far as these mazes ask anybody to look ahead it chooses well, in mazes of another kind too, and
                     edits as far away as they can be that turn the right choice round turn its choice round
    gives up         where it is far from certain it would rather break the rules: where much look-ahead is needed, and
                     where there is no way to the goal

"As far as these mazes tell" is the largest look-ahead (or distance of an edit) that fifty of them reach. Each piece of
evidence is one function; it returns its predictions and the tables behind them. `verdict` judges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from maze_interp import mazes, seeds, tables
from maze_interp.behaviour import choosing, counterfactual, fitting, neighbours
from maze_interp.behaviour.choosing import PerDecision
from maze_interp.behaviour.hardness import what_makes_it_hard
from maze_interp.behaviour.likeness import searchers_like_it
from maze_interp.behaviour.memory import memory
from maze_interp.behaviour.rules import lead_of_the_best
from maze_interp.behaviour.solvers import POLICIES
from maze_interp.behaviour.verdict import FEWEST, Prediction, farthest, mean_skill, skill
from maze_interp.behaviour.walkers import Progress, Walker
from maze_interp.mazes import NO_CELL, Decisions, MazeBatch, PathBatch
from maze_interp.mazes.branches import UNITS
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
MOST_PAIRS = 2000


@dataclass(frozen=True)
class Evidence:
    """Predictions with what was measured, and the tables behind them by name."""

    predictions: Sequence[Prediction]
    tables: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A walker's choices at the decisions of mazes without it having gone wrong before (teacher forced).

    `need` is the look-ahead that a forward search needs, `off` the probability of anything but an open way.
    """

    mazes: MazeBatch
    decisions: Decisions
    responses: PerDecision
    need: Int[np.ndarray, " decision"]
    off: Float[np.ndarray, " decision"]

    @property
    def far(self) -> int:
        """The look-ahead, in steps, up to which these mazes tell how a walker chooses."""
        return farthest(self.need, self.decisions.maze)


def ask(walker: Walker, asked: MazeBatch, solutions: PathBatch) -> Asked:
    """The walker's responses at every decision of the solutions.

    A decision at which every option is right, or that no forward search is ever certain of, is left out. Raises
    ValueError if fewer than FEWEST mazes have any other.
    """
    found = mazes.decisions(asked, solutions)
    need = mazes.look_ahead(asked, found, "forward")
    found, need = found[need > 0], need[need > 0]
    if len(np.unique(found.maze)) < FEWEST:
        raise ValueError(
            f"of {len(asked)} mazes only {len(np.unique(found.maze))} have a decision that can be wrong; it takes "
            f"{FEWEST} or more: ask more mazes"
        )
    choices = walker.choose(asked, solutions)
    is_open = neighbours.connected(asked.passages)[found.maze, found.here] != NO_CELL
    off = 1 - np.where(is_open, choices[found.maze, found.step], 0.0).sum(axis=1)
    return Asked(asked, found, choosing.responses(choices, found), need, off)


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
    rules = {name: candidates[name] for name in HEURISTICS}
    lead = lead_of_the_best(asked.responses, rules, candidates["oracle"], found, seed=seed)
    says = (
        f"nats a decision by which {lead.what['rule']}, the best rule in the other half of the mazes, explains it "
        "better than perfect search, each with lapses"
    )
    strata = {"look_ahead": asked.need, "deceptive": found.deceptive}
    rows = {
        "heuristics": fitting.fit_mixture(asked.responses, candidates, found, seed=seed),
        "accuracy": choosing.accuracy_by(asked.responses, found, strata, seed=seed)
        + choosing.accuracy_by(asked.responses, found, {"deceptive": found.deceptive}, seed=seed),
    }
    return Evidence([Prediction(LOCAL, "best rule - search", says, 0.0, lead)], rows)


def from_horizons(
    asked: Asked, *, seed: int, kinds: Sequence[str] = mazes.KINDS, units: Sequence[str] = UNITS
) -> Evidence:
    """Which depth-limited searchers can it not be told from?"""
    given = asked.responses, asked.decisions, asked.mazes
    count, rows = searchers_like_it(*given, seed=seed, kinds=kinds, units=units)
    says = "number of searchers, of horizons shorter than these mazes ask for, that it cannot be told from"
    return Evidence([Prediction(LIMITED, "searchers like it", says, 0.5, count)], {"look_ahead": rows})


def from_look_ahead(asked: Asked, *, seed: int) -> Evidence:
    """How well, and how lawfully, does it choose where much look-ahead is needed?"""
    found, far = asked.decisions, asked.need >= asked.far
    deep = mean_skill(asked.responses[far], found[far], seed=seed)
    where = f"where {asked.far} steps of look-ahead or more are needed"
    says = f"skill {where}, 0 for a guess and 1 for certainty"
    worse = _drop("skill, near - far", skill(asked.responses, found), far, found.maze, seed=seed)
    unruly = _drop("off the ways, far - near", asked.off, ~far, found.maze, seed=seed)
    rules = f"probability of breaking the rules {where}, less that elsewhere"
    predictions = [
        Prediction(LOCAL, "skill, far", says, 0.5, deep, less=True),
        Prediction(SEARCHES, "skill, far", says, 0.5, deep),
        Prediction(LIMITED, "skill, near - far", f"skill elsewhere less skill {where}", 0.1, worse),
        Prediction(GIVES_UP, "rules broken, far - near", rules, 0.05, unruly),
    ]
    off = []
    for need in np.unique(asked.need):
        here = asked.need == need
        off.append(
            choosing.mean_over_mazes("off_the_ways", asked.off[here], found.maze[here], seed=seed, look_ahead=int(need))
        )
    hard = what_makes_it_hard(asked.responses, found, asked.need, seed=seed)
    return Evidence(predictions, {"what_makes_it_hard": hard, "off_the_ways": off})


def from_edits(
    walker: Walker, asked: Asked, tokenizer: Tokenizer, *, seed: int, progress: Progress | None = None
) -> Evidence:
    """Does its choice turn round with the right one, when a passage far away is moved?

    Asked in mazes without cycles, as others have no such edits; without any, nothing is known.
    """
    says = "probability that turns round with the right choice"
    tree = mazes.MEASURES["cycle_count"](asked.mazes) == 0
    forks = asked.decisions[tree[asked.decisions.maze]]
    forks = replace(forks, maze=(np.cumsum(tree) - 1)[forks.maze])
    pairs = mazes.move_passage(asked.mazes[tree], forks, seed=seed)
    pairs = pairs[np.sort(seeds.generator(seed, "pairs").permutation(len(pairs))[:MOST_PAIRS])]
    if len(pairs) == 0:
        return Evidence([unasked(SEARCHES, "far edits", f"{says}, but these mazes have no such edits", 0.5)])
    found = counterfactual.asked(walker, pairs, tokenizer, seed=seed, progress=progress)
    rows = counterfactual.rates(found, seed=seed, by=((), ("distance",), ("in_support",)))
    least = farthest(pairs.distance, pairs.maze)
    far = pairs.distance >= least
    mass = counterfactual.flip_mass(pairs, found["edit"][1])[far]
    turned = choosing.mean_over_mazes("flip_mass", mass, pairs.maze[far], seed=seed)
    says = f"{says} when that is turned by an edit {least} steps away or more"
    return Evidence([Prediction(SEARCHES, "far edits", says, 0.5, turned)], {"edits": rows})


def from_elsewhere(walker: Walker, elsewhere: MazeBatch, name: str, *, seed: int) -> Evidence:
    """Does it choose well in mazes of another kind, where much look-ahead is needed?"""
    asked = ask(walker, elsewhere, mazes.solve(elsewhere, seed=seed))
    far = asked.need >= asked.far
    row = mean_skill(asked.responses[far], asked.decisions[far], seed=seed, generator=name)
    says = f"skill in mazes made by {name} where {asked.far} steps of look-ahead or more are needed"
    whole = mean_skill(asked.responses, asked.decisions, seed=seed, generator=name)
    return Evidence([Prediction(SEARCHES, f"skill, far, {name}", says, 0.5, row)], {"elsewhere": [whole]})


def from_cut_off(walker: Walker, cut_off: MazeBatch, branch_cut_off: MazeBatch) -> Evidence:
    """Does it break the rules where there is no way to the goal?

    In `branch_cut_off` a passage is gone too, but none of those that lead to the goal: a maze with fewer passages than
    usual may be strange enough by itself. A walk that keeps to the rules can only stop short or go on for ever.
    """
    broken = [~mazes.paths.valid(some, walker.walk(some)) for some in (cut_off, branch_cut_off)]
    gap = tables.difference("breaks_the_rules, goal - branch", *broken)
    rows = [
        tables.proportion("breaks_the_rules", those, cut_off=what)
        for what, those in zip(("goal", "branch"), broken, strict=True)
    ]
    says = "share of paths that break the rules where the goal is cut off, less where a branch is"
    return Evidence([Prediction(GIVES_UP, "rules broken, cut off", says, 0.25, gap)], {"cut_off": [*rows, gap]})


def unasked(hypothesis: str, name: str, says: str, bound: float) -> Prediction:
    """A prediction that these mazes cannot test: undecided, so that no hypothesis is judged by the others alone."""
    nan = float("nan")
    return Prediction(hypothesis, name, says, bound, Row(name, nan, nan, nan, 0))


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
