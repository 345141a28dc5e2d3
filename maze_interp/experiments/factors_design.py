"""A factorial design: networks for every combination of some settings, and what each setting changes by itself.

What a setting changes is the mean, over the combinations of all others, of what its second value has more than its
first. How much more two change in company than alone is what the one changes at the other's second value less what it
changes at the first (Fisher 1935). Each combination counts as much as any other, however many networks it has.

Networks of one combination differ by their seed alone. Their pooled variance s^2, with as many degrees of freedom as
there are networks beyond one a combination, tells what a setting must be told apart from: an effect with weights w has
the standard error s sqrt(sum w^2) and Student's interval. That seeds matter as much in every combination is assumed:
where they matter more in those that have but one network, intervals are too narrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maze_interp.optimisation import student_t

Effect = tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """The factors, each with its first and second value, and which networks have the second."""

    factors: Mapping[str, tuple[Any, Any]]
    second: Bool[np.ndarray, "network factor"]

    @property
    def effects(self) -> list[Effect]:
        """Each factor by itself, then every two in company."""
        return [effect for many in (1, 2) for effect in combinations(self.factors, many)]

    @property
    def cells(self) -> list[Bool[np.ndarray, " network"]]:
        """The networks of each combination."""
        every = product((False, True), repeat=len(self.factors))
        return [(self.second == np.array(one, dtype=bool)).all(axis=1) for one in every]

    @property
    def degrees(self) -> int:
        """Of freedom that the networks of one combination leave to tell what seeds change."""
        return len(self.second) - len(self.cells)

    def weights(self, effect: Effect) -> Float[np.ndarray, " network"]:
        """What each network's value counts in an effect."""
        mine = [list(self.factors).index(name) for name in effect]
        sign = np.where(self.second[:, mine], 1.0, -1.0).prod(axis=1)
        share = sum(cell / cell.sum() for cell in self.cells) / len(self.cells)
        return sign * share * 2 ** len(effect)

    def at(self, factor: str, values: Float[np.ndarray, " network"]) -> tuple[float, float]:
        """The mean at a factor's first and at its second value, over the combinations of all others."""
        second = self.second[:, list(self.factors).index(factor)]
        first, then = (np.mean([values[cell].mean() for cell in self.cells if second[cell][0] == at]) for at in (0, 1))
        return float(first), float(then)

    def spread(self, values: Float[np.ndarray, " network"]) -> float:
        """The standard deviation of networks that differ by seed alone; nan without any."""
        if not self.degrees:
            return float("nan")
        squares = sum(((values[cell] - values[cell].mean()) ** 2).sum() for cell in self.cells)
        return float((squares / self.degrees) ** 0.5)

    def half(self, effect: Effect, spread: float) -> float:
        """Half the width of Student's 95% interval around an effect; nan without networks that differ by seed alone."""
        if not self.degrees:
            return float("nan")
        return student_t(self.degrees) * spread * float((self.weights(effect) ** 2).sum() ** 0.5)


def crossed(settings: Sequence[Mapping[str, Any]], factors: Sequence[str], seeds: Sequence[int]) -> Design:
    """The design of networks with these settings and seeds; a factor's first value is that of the first network.

    Raises ValueError where nothing but the seed differs, a factor has more than two values, a combination is not there,
    or two networks of one combination have the same seed.
    """
    if not factors:
        raise ValueError("the runs differ in nothing but their seed, so no setting can be told to matter")
    found: dict[str, tuple[Any, Any]] = {}
    for name in factors:
        values = list(dict.fromkeys(one.get(name) for one in settings))
        if len(values) > 2:
            raise ValueError(f"{name} takes {len(values)} values, {_listed(values)}; two are compared at a time")
        found[name] = (values[0], values[1])
    second = np.array([[one.get(name) == found[name][1] for name in factors] for one in settings])
    design = Design(found, second)
    for cell, which in zip(design.cells, product((0, 1), repeat=len(factors)), strict=True):
        told = _listed([f"{name} = {found[name][at]}" for name, at in zip(factors, which, strict=True)])
        if not cell.any():
            raise ValueError(f"the settings are not crossed: no run has {told}")
        mine = [seed for seed, inside in zip(seeds, cell, strict=True) if inside]
        if len(set(mine)) < len(mine):
            raise ValueError(f"of the runs with {told} two have the same seed, so nothing tells what seeds change")
    return design


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
