"""Which depth-limited searchers can a walker not be told from, and how sure is their number?

Searches of every kind, counting cells or forks, that go on greedily beyond their horizon or guess. Those of horizon 0
do not search, and those that reach as far as these mazes tell are not limited; counted are the others.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from maze_interp import mazes
from maze_interp.behaviour import redrawn
from maze_interp.behaviour.choosing import PerDecision, policy_responses
from maze_interp.behaviour.lookahead import beside, stratify
from maze_interp.behaviour.solvers.searching import BEYOND, searcher
from maze_interp.behaviour.verdict import farthest
from maze_interp.mazes import Decisions, MazeBatch
from maze_interp.mazes.branches import UNITS
from maze_interp.tables import Row

MOST_HORIZONS = 25


def searchers_like_it(
    responses: PerDecision,
    decisions: Decisions,
    asked: MazeBatch,
    *,
    seed: int,
    kinds: Sequence[str] = mazes.KINDS,
    units: Sequence[str] = UNITS,
) -> tuple[Row, list[Row]]:
    """(the number of limited searchers that are not excluded, the rows of `lookahead.beside` for all).

    The interval of the number is over mazes: drawn anew, lapses fitted and searchers excluded again; it holds the
    number itself.
    """
    drawn, rows = redrawn.times(decisions, seed=seed), []
    like_it = np.zeros(len(drawn), int)
    for unit, kind in product(units, kinds):
        need = mazes.look_ahead(asked, decisions, kind, unit=unit)
        strata, far = stratify(decisions, need), farthest(need, decisions.maze)
        horizons = range(min(MOST_HORIZONS, int(need.max(initial=0)) + 2))
        for beyond, horizon in product(BEYOND, horizons):
            ways = policy_responses(searcher(kind, horizon, unit=unit, beyond=beyond), asked, decisions)
            what = {"kind": kind, "unit": unit, "beyond": beyond, "horizon": horizon}
            rows += beside(responses, ways, decisions, strata, **what)
            if 0 < horizon < far:
                like_it += ~redrawn.excluded(responses, ways, decisions, strata, drawn)
    low, high = np.quantile(like_it[1:], [0.025, 0.975])
    number = float(like_it[0])
    return Row("searchers", number, min(number, float(low)), max(number, float(high)), drawn.shape[1]), rows
