"""What a policy optimises on histories chosen for a comparison: the same as another's, or none that another had."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maze_interp import optimisation
from maze_interp.experiments.sequence_measures import Actor, Ground, K


def spare(ground: Ground, policies: Sequence[Actor]) -> Float[np.ndarray, "actor repeat"]:
    """How much more each policy optimises than the sequence itself, on the histories of each repeat (nats)."""
    parts: list[np.ndarray] = []
    for block in np.array_split(np.arange(len(ground)), ground.repeats):
        table, place = ground.table[:, block], np.arange(len(block))
        uncertain = optimisation.entropy((table[..., None] == np.arange(K)).sum(axis=1))
        acts = np.stack([ground.own[block], *(one.acts[block] for one in policies)])
        factual = optimisation.entropy((table[acts, place][..., None] == np.arange(K)).sum(axis=1))
        op = uncertain[acts].mean(axis=1) - factual
        parts.append(op[1:] - op[0])
    return np.stack(parts, axis=1)


def op_from(ground: Ground, actor: Actor, first: int) -> float:
    """What a policy optimises on histories from the `first` on (nats)."""
    return optimisation.split_history(optimisation.of_acts(ground.table[:, first:], actor.acts[first:], K)).op
