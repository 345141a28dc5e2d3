"""Pseudo-values: their mean and their spread are what the estimator itself reports."""

import numpy as np
import pytest

from maze_interp import optimisation


@pytest.mark.parametrize("shape", [(12,), (12, 3)], ids=["counted", "distributions"])
def test_their_mean_is_the_estimate_and_their_spread_its_error(shape):
    rng = np.random.default_rng(0)
    out = rng.integers(0, 3, (12, 12)) if len(shape) == 1 else rng.dirichlet(np.ones(3), (12, 12))
    found, known = optimisation.pseudo_values(out, 3), optimisation.split_history(out, outcomes=3)
    for name in ("op", "imp"):
        values = getattr(found, name)
        if name in known.missing:
            assert np.isnan(values).all()
            continue
        assert values.mean() == pytest.approx(getattr(known, name), abs=1e-12)
        low, high = known.intervals[name]
        assert 2 * 1.959964 * values.std(ddof=1) / 12**0.5 == pytest.approx(high - low, rel=1e-4)


def test_where_impact_is_infinite_there_are_none():
    found = optimisation.pseudo_values(np.diag(np.arange(8)) % 2, 2)
    assert np.isfinite(found.op).all()
    assert np.isnan(found.imp).all()
