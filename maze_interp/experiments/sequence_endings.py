"""How training ended, measured anew: all networks of a study on the same histories and by the same chances.

A job's own curves say how it went; between jobs they would compare test sets as well as networks. Here the difference
of two networks is theirs alone, as every act in a history is answered by one draw and every loss is of one sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from maze_interp import seeds, sequences
from maze_interp.experiments import sequence_measures as measures
from maze_interp.experiments.sequence_measures import Ground
from maze_interp.sequences import GOALS, VARIANTS, Ensemble, Job, Study

LONG = 22  # elements that ask for one at an even and one at an odd position
Values = Mapping[str, Float[np.ndarray, " member"]]


@dataclass(frozen=True)
class Endings:
    """Of every job, network by network: the losses "even", "odd" and "held_out", their mean (nats).

    Of reinforced networks also "success", "illegal" and "maintenance" (which is "even"), and "op" and "imp" (nats) of
    their policies.
    """

    values: Mapping[Job, Values]

    def of(self, phase: str, measure: str, goal: int = 0) -> dict[str, Float[np.ndarray, " member"]]:
        """One measure of each size that went through that phase."""
        return {
            job.size: found[measure] for job, found in self.values.items() if (job.phase, job.goal) == (phase, goal)
        }


def endings(study: Study, ground: Ground, *, seed: int) -> Endings:
    """What became of every network, on the ground's histories and as many sequences for the losses."""
    source = seeds.derive(seed, "endings")
    ids = sequences.recurrence(len(ground), LONG, seed=source, **measures.rule_of(study))
    found: dict[Job, Values] = {}
    for job, trained in study.trained.items():
        even, odd = sequences.prediction_loss(trained.ensemble, ids)
        found[job] = {"even": even, "odd": odd, "held_out": (even + odd) / 2}
        if job.goal:
            legal = bool(VARIANTS.get(job.phase, {}).get("legal", study.scale.reinforcement.legal))
            found[job] = {**found[job], "maintenance": even, **_acted(trained.ensemble, ground, job.goal, legal)}
    return Endings(found)


def _acted(ensemble: Ensemble, ground: Ground, goal: int, legal: bool) -> Values:
    """What the networks' acts at temperature 0 come to; "illegal" is how they would act if nothing restricted them."""
    acts = sequences.act(ensemble, ground.contexts, legal=legal)
    free = sequences.act(ensemble, ground.contexts, legal=False) if legal else acts
    measured = [measures.pooled(ground, own, GOALS[goal]) for own in acts]
    return {
        "success": np.array([one.p for one in measured]),
        "illegal": (free < measures.K).mean(axis=1),
        "op": np.array([one.op for one in measured]),
        "imp": np.array([one.imp for one in measured]),
    }
