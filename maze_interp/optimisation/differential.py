"""Optimisation and impact of small changes: what Jacobians say, where split histories speak of distributions.

Let F follow from the past P and an activation A, which itself follows from P. J = dF/dP with A responding, J' with A
held where it is. For small Gaussian changes of P the two worlds of a split history are F ~ N(0, J J^T) and, once the
activation saw another past P'', F' ~ N((J - J') P'', J' J'^T), so that entropies and divergences have closed forms:

    Op  = 1/2 (ln det J'J'^T - ln det JJ^T)
    Imp = tr(M JJ^T) - tr(M JJ'^T) + Op          with M = (J'J'^T)^-1

(our reconstruction; the square and the scalar case are special cases). All they need are products of Jacobians, which
are as small as F. An activation that everything passes through leaves J' without full rank: Op is -inf. One that
cancels a direction of F leaves J without: +inf. Both are values, the strongest there are, and are never smoothed over
unless a `ridge` is asked for.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

FLAT = 1e-9  # of the largest variance in any direction: below that a direction counts as none


class Differential(NamedTuple):
    """Optimisation and impact in nats, of whatever leading axes the Jacobians had."""

    op: Float[np.ndarray, "*each"]
    imp: Float[np.ndarray, "*each"]


def differential(
    responding: Float[np.ndarray, "*each future past"],
    held: Float[np.ndarray, "..."],
    *,
    covariance: Float[np.ndarray, "past past"] | None = None,
    ridge: float = 0.0,
    flat: float = FLAT,
) -> Differential:
    """Op and Imp of an activation, from dF/dP with it responding and with it held.

    `covariance` is that of changes of P (by default the same in all directions), `ridge` is added to the variance of F
    in every direction of both worlds. Raises ValueError for Jacobians of different shapes, and where F has more
    dimensions than P, which could not fill them.
    """
    if responding.shape != held.shape or responding.ndim < 2:
        raise ValueError(f"both Jacobians are [future, past], not of shapes {responding.shape} and {held.shape}")
    future, past = responding.shape[-2:]
    if future > past:
        raise ValueError(f"a future of {future} dimensions cannot follow from {past} of the past: take fewer")
    j, h = (np.asarray(one, np.float64) for one in (responding, held))
    spread = j if covariance is None else j @ covariance
    spread_held = h if covariance is None else h @ covariance
    turned = (np.swapaxes(one, -1, -2) for one in (j, h))
    to_j, to_h = turned
    return of_products(spread @ to_j, spread_held @ to_h, spread @ to_h, ridge=ridge, flat=flat)


def of_products(
    jj: Float[np.ndarray, "*each future future"],
    hh: Float[np.ndarray, "*each future future"],
    jh: Float[np.ndarray, "*each future future"],
    *,
    ridge: float = 0.0,
    flat: float = FLAT,
) -> Differential:
    """Op and Imp from JJ^T, J'J'^T and JJ'^T alone, so that a past of any size costs no memory.

    Where a direction of F is flat in the held world, Op is -inf and Imp +inf; in the responding one only, both are
    +inf; in both worlds there is nothing to compare along it, and both are nan.
    """
    jj, hh, jh = (np.asarray(one, np.float64) + ridge * np.eye(one.shape[-1]) for one in (jj, hh, jh))
    of_j, of_h = np.linalg.eigvalsh(jj), np.linalg.eigvalsh(hh)
    least = flat * np.maximum(of_j[..., -1], of_h[..., -1])
    flat_j, flat_h = of_j[..., 0] <= least, of_h[..., 0] <= least
    safe = np.where((flat_j | flat_h)[..., None, None], np.eye(jj.shape[-1]), hh)
    gap = np.linalg.solve(safe, np.swapaxes(jj - jh, -1, -2))  # the trace of M (JJ^T - JJ'^T), which is symmetric in it
    with np.errstate(divide="ignore", invalid="ignore"):
        op = 0.5 * (np.log(of_h.clip(0)).sum(axis=-1) - np.log(of_j.clip(0)).sum(axis=-1))
    op = np.select([flat_j & flat_h, flat_h, flat_j], [np.nan, -np.inf, np.inf], op)
    imp = np.trace(gap, axis1=-2, axis2=-1) + op
    return Differential(op, np.select([flat_j & flat_h, flat_h | flat_j], [np.nan, np.inf], imp))
