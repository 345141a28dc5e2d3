"""Prompts that say more or less of the same mazes than they usually do, with the paths that answer them."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from maze_interp import mazes
from maze_interp.behaviour import shifts
from maze_interp.behaviour.shifts import Home, ShiftedSet, control
from maze_interp.mazes import MazeBatch
from maze_interp.recipes import Refusal
from maze_interp.tokens import EDGE, GOAL, PATH, START, TokenBatch, unusual

SECTIONS = {"edges": EDGE, "start": START, "goal": GOAL, "path": PATH}


@dataclass(frozen=True)
class Asked:
    """Whole sequences, and the mazes they are about."""

    mazes: MazeBatch
    tokens: TokenBatch


def check(home: Home) -> None:
    """Raise a Refusal where a passage left out is not one edge less and nothing else."""
    choices = home.tokenizer.choices
    if choices.edges != "passages":
        raise Refusal(f"the scheme {home.tokenizer.scheme!r} lists walls: to leave a passage out adds one")
    if choices.path == "forks":
        raise Refusal(f"the scheme {home.tokenizer.scheme!r} writes forks: to leave a passage out changes the path")


def with_and_without(home: Home, count: int, width: int, seed: int) -> tuple[ShiftedSet, ShiftedSet]:
    """Test mazes with one way to the goal and a passage off it, and the same with such a passage left out.

    Their sequences fit the context with `width` tokens to spare. Raises a Refusal if there are none.
    """
    plain, fewer = shifts.unshifted(home, count, seed=seed), shifts.shifted("branch_cut_off", home, count, seed=seed)
    plain = plain[mazes.edge_count(plain.mazes.passages) >= plain.solutions.length]
    fit = fits(home, plain, width) & (mazes.shortest_path_counts(plain.mazes) == 1)
    if not fit.any():
        raise Refusal("no maze of the world has one shortest path, a passage off it and room for an edge more")
    return plain[fit], fewer[fit]


def unseen(home: Home, count: int, seed: int) -> ShiftedSet:
    """Validation mazes with one way to the goal. Raises a Refusal if there are none."""
    drawn = mazes.take(home.world, count, seed=seed, split=mazes.VALIDATION)[0]
    made = ShiftedSet(drawn, home.tokenizer.encode_prompts(drawn, seed=seed), mazes.solve(drawn, seed=seed))
    fit = fits(home, made, 0) & (mazes.shortest_path_counts(drawn) == 1)
    if not fit.any():
        raise Refusal("no validation maze of the world has one shortest path")
    return made[fit]


def shifted(home: Home, name: str, count: int, seed: int) -> list[ShiftedSet]:
    """The mazes of a shift; none where the language or context cannot express them."""
    try:
        return [shifts.shifted(name, home, count, seed=seed)]
    except Refusal:
        return []


def said_again(home: Home, made: ShiftedSet, more: int, seed: int) -> ShiftedSet:
    """The same mazes with so many of their passages, any of them, said once more at random places."""
    prompts = control.lengthened(home.tokenizer, made.prompts, np.full(len(made), more), seed=seed)
    return replace(made, prompts=prompts)


def answered(home: Home, made: ShiftedSet) -> Asked:
    """Prompts with their paths, which may be the paths of mazes whose prompts said more."""
    whole = home.tokenizer.encode(made.mazes, made.solutions, seed=0)
    return Asked(made.mazes, unusual.answered(made.prompts, whole))


def fits(home: Home, made: ShiftedSet, spare: int) -> Bool[np.ndarray, " maze"]:
    """Which sequences fit the context with so many tokens to spare."""
    return answered(home, made).tokens.length + spare <= home.context


def begins(made: ShiftedSet, where: str) -> Int[np.ndarray, " maze"]:
    """The position at which a section begins."""
    return (made.prompts.part == SECTIONS[where]).argmax(axis=1)
