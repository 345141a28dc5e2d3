"""The stream at one token is what a pass over all tokens gives there, with a table of the first layer and without."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp.models import fused, streams
from tests import oracles, tiny


@settings(oracles.repeatable, max_examples=15)
@given(tiny.any_models(), st.integers(0, 99))
def test_the_stream_at_one_token_is_that_of_the_whole_pass(model, seed):
    rng, layers = np.random.default_rng(seed), model.cfg.n_layers
    ids = torch.from_numpy(rng.integers(0, model.cfg.d_vocab, size=(4, 12)))
    at, w = torch.from_numpy(rng.integers(0, 12, size=4)), fused.weights(model)
    known = streams.table(w, 14, 1000)
    for depth in {0, 1, layers}:
        whole = [x[torch.arange(4), at] for x in fused.residuals(w, ids, depth)]
        for one in (streams.residuals_at(w, ids, at, depth), streams.residuals_at(w, ids, at, depth, known)):
            for got, expected in zip(one, whole, strict=True):
                assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_table_is_made_where_many_sequences_repay_it_and_it_is_small():
    w = fused.weights(tiny.model())
    tokens = len(w.embed)
    assert streams.table(w, 20, tokens + 1).shape == (tokens, 20, w.layers[0].qkv[0].shape[1])
    assert streams.table(w, 20, tokens) is None
    assert streams.table(w, streams.PAIRS, 10**6) is None
