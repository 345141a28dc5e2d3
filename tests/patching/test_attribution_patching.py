"""Gradients agree with central differences, integrated ones add up to the whole change, a linear path is exact."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from maze_interp import mazes, patching
from maze_interp.mazes import World
from maze_interp.models import access
from maze_interp.patching import MEANINGS
from maze_interp.patching.changes import VALUES
from tests import handset, tiny


@pytest.fixture(scope="module", params=["learned", "rotary"])
def asked(request):
    model = tiny.model(1, layers=2, positions=request.param)
    batch = mazes.draw(World("wilson", 3, 3), 20, seed=3)
    pairs = patching.FAMILIES["moved_passage"](
        batch, mazes.decisions(batch, mazes.solve(batch)), model.maze_tokenizer, seed=0
    )
    return model, pairs[:5]


def difference(model, ids, pairs, edits) -> np.ndarray:
    row = torch.arange(len(pairs))
    logits = access.run(model, ids, edits=edits).logits[row, pairs.decision].detach().numpy()
    return logits[row, pairs.right] - logits[row, pairs.wrong]


@pytest.mark.parametrize("kind", VALUES)
def test_an_estimate_is_the_slope_of_the_patch(asked, kind):
    """Central differences in float64: the patch a little, forwards and backwards, at three positions."""
    model, pairs = tiny.model(1, layers=2, positions=asked[0].maze_config.positions).to(torch.float64), asked[1]
    found = patching.attribution(model, pairs, [kind])[kind]
    length, step = found.values.shape[2], 1e-5
    clean, corrupted = (torch.from_numpy(one.ids[:, :length]).long() for one in (pairs.clean, pairs.corrupted))
    site = found.sites[-1]
    gap = access.run(model, clean, read=[site]).values[site] - access.run(model, corrupted, read=[site]).values[site]
    for position in range(length - 8, length, 3):
        some = torch.zeros(length, dtype=torch.bool)
        some[position] = True
        sides = [
            difference(model, corrupted, pairs, {site: lambda value, move=by * gap * some[:, None]: value + move})
            for by in (step, -step)
        ]
        inside = position <= pairs.decision
        slope = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(found.values[-1, inside, position], slope[inside], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("direction", ["denoise", "noise"])
def test_before_the_first_layer_integrated_gradients_are_the_whole_change(asked, direction):
    model, pairs = asked
    whole = patching.sweep(
        model, pairs, "resid_pre", np.ones_like(patching.everywhere(pairs)[:1]), layers=[0], direction=direction
    )
    change = whole.end["logit_difference"] - whole.begin["logit_difference"]
    found = patching.attribution(model, pairs, ["resid_pre"], steps=32, direction=direction)["resid_pre"]
    np.testing.assert_allclose(found.values[0].sum(axis=-1), change, atol=1e-3 * abs(change).max())
    plain = patching.attribution(model, pairs, ["resid_pre"], direction=direction)["resid_pre"]
    assert abs(plain.values[0].sum(axis=-1) - change).max() > 0.05 * abs(change).max()  # which one gradient is not


def test_where_the_answer_is_copied_the_estimate_finds_what_patching_finds():
    """Two runs of the copier differ in a value that is read off linearly but for the last layer norm."""
    model, pairs = handset.copier(), handset.goals_beside_forks()
    places = patching.by_meaning(pairs)
    found = patching.attribution(model, pairs, ["z", "q", "k"], steps=8)
    at = patching.at_places(found["z"].values, places)
    true = patching.sweep(model, pairs, "z", places)
    change = true.values["logit_difference"] - true.begin["logit_difference"]
    np.testing.assert_allclose(at, change, rtol=0.15, atol=1e-3)
    assert np.argwhere(abs(at).min(axis=-1) > 1).tolist() == [[handset.COPIES, MEANINGS.index("here")]]
    assert max(abs(found[kind].values).max() for kind in "qk") < 1e-3
    assert max(found[kind].moved.max() for kind in "qk") == 0.0


def test_agreement_is_spearman_s_of_means():
    rng = np.random.default_rng(0)
    true, maze = rng.normal(size=(60, 30)) + rng.normal(size=30), np.repeat(np.arange(20), 3)
    estimate = (true + rng.normal(size=true.shape)).round(1)
    value, low, high = patching.agreement(estimate, true, maze)
    assert value == pytest.approx(spearmanr(estimate.mean(axis=0), true.mean(axis=0)).statistic)
    assert low < value < high <= 1
    none, low, high = patching.agreement(rng.normal(size=true.shape), true, maze)
    assert low < 0 < high
    assert abs(none) < 0.5
    assert np.isnan(patching.agreement(np.zeros_like(true), true, maze)).all()
    assert np.isnan(patching.agreement(estimate[:6], true[:6], maze[:6])).all()  # two mazes
    lone = np.where(maze[:, None] == 0, estimate, 0.0)  # the same everywhere without the one maze
    assert np.isnan(patching.agreement(lone, true, maze)).all()


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_the_interval_of_agreement_covers_what_as_many_mazes_give_on_average(shared):
    """At least 9 of 10 of 60 samples of 20 mazes, where 95% are meant; chance of fewer than 54 at 95%: 1 in 30."""
    rng = np.random.default_rng(0)
    effect = rng.normal(size=40)
    estimate, found = effect + 0.8 * rng.normal(size=40), []
    for _ in range(60):
        noise, other = 3 * rng.normal(size=(2, 20, 40))
        estimated = estimate + shared * noise + (1 - shared**2) ** 0.5 * other
        found.append(patching.agreement(estimated, effect + noise, np.arange(20)))
    value, low, high = np.array(found).T
    assert ((low <= value.mean()) & (value.mean() <= high)).sum() >= 54
    assert ((low <= value) & (value <= high)).all()
    assert (high - low).mean() < 0.8


def test_bad_input_is_refused(asked):
    model, pairs = asked
    with pytest.raises(ValueError, match="unknown kind"):
        patching.attribution(model, pairs, ["pattern"])
    with pytest.raises(ValueError, match="not -1"):
        patching.attribution(model, pairs, ["z"], steps=-1)
    with pytest.raises(ValueError, match="unknown direction"):
        patching.attribution(model, pairs, ["z"], direction="up")
