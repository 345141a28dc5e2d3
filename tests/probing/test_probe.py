"""A planted fact is found and a shuffled one is not, an oracle scores 1, and the fast reading is the slow one."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import mazes, models, probing
from maze_interp.mazes import World
from maze_interp.models import Site
from maze_interp.probing import BAGS, ProbeRecipe, features
from maze_interp.tokens import SCHEMES, Tokenizer
from tests import tiny

WORLD = World("wilson", 4, 4, min_length=3)
RECIPE = ProbeRecipe(targets=("passage", "to_goal", "next_step"), mazes=150, unseen=80, penalties=(1e-4, 1e-2, 1.0))
SITES = ("resid_pre:0", "resid_post")


@pytest.fixture(scope="module")
def model():
    return tiny.model(1)


@pytest.fixture(scope="module")
def asked(model):
    return probing.split(WORLD, model.maze_tokenizer, RECIPE, seed=1)


def planted(asked, target, *, shuffle=False):
    """Features of noise that hold a target's outputs in random directions, or those of other mazes."""
    rng = np.random.default_rng(5)
    outputs = [np.nan_to_num(probing.labels(one, [target]).outputs) for one in asked]
    if shuffle:
        outputs = [rng.permutation(one) for one in outputs]
    mixed = rng.normal(size=(outputs[0].shape[1], 32))
    return [(one @ mixed + 0.1 * rng.normal(size=(len(one), 32))).astype(np.float32) for one in outputs]


@pytest.mark.parametrize(("method", "shuffle"), [("ridge", False), ("ridge", True), ("logistic", False)])
def test_a_planted_fact_is_found_where_it_is_planted_and_a_shuffled_one_is_not(
    model, asked, method, shuffle, monkeypatch
):
    """The labels of other mazes beat six controls at once by chance with a probability far below 1e-6."""
    noise = [np.random.default_rng(6).normal(size=(len(one), 32)).astype(np.float32) for one in asked]
    told = planted(asked, "next_step", shuffle=shuffle)

    def read(network, asked, sites, progress, *, first):
        return {site: told if site.layer and network is model else noise for site in sites}

    monkeypatch.setattr(sys.modules[probing.probe.__module__], "_read", read)
    recipe = replace(RECIPE, sites=("resid_post",), method=method)
    result = probing.probe(model, tiny.model(2), asked, recipe, seed=3)
    assert result.found("next_step") == ([] if shuffle else ["resid_post:1"])
    assert result.found("passage") == []
    best = result.best["next_step"]
    assert shuffle or (best.site, best.score > 0.9) == (Site("resid_post", 1), True)


def test_an_oracle_scores_one_and_a_bag_of_edges_is_one_for_passages(model, asked):
    on = probing.bench(asked, RECIPE.targets, method="ridge", penalties=(1e-6,), seed=0)
    oracle = [np.nan_to_num(labels.outputs) for labels in on.truth]
    scored = probing.score(on, probing.fit(on, oracle).predict(oracle[2]))
    for name in RECIPE.targets:
        assert np.nanmin(scored[name]) > 0.999, name
    edges = [features.bag("edges", one, model.maze_tokenizer) for one in asked]
    told = probing.score(on, probing.fit(on, edges).predict(edges[2]))
    assert told["passage"].min() == 1.0
    assert told["next_step"].mean() < 0.7


def test_every_result_stands_beside_its_controls(model, asked):
    said = []
    recipe = replace(RECIPE, targets=("passage", "wall", "goal"), sites=SITES)
    result = probing.probe(model, tiny.model(2), asked, recipe, seed=3, progress=lambda *given: said.append(given))
    assert said[-1] == (620, 620)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    scores = {(row.what["target"], row.what["features"], row.what.get("site")): row for row in result.scores}
    for fact in ("passage", "wall", "wall, interior", "goal"):
        for control in ("majority", *BAGS):
            assert scores[fact, control, None].n == 80
        for control in ("model", "untrained", "shuffled", probing.TASK):
            assert scores[fact, control, "resid_post:1"].n == 80
        (row,) = [one for one in result.selectivity if one.what == {"target": fact, "site": "resid_post:1"}]
        gap = scores[fact, "model", "resid_post:1"].value - scores[fact, probing.TASK, "resid_post:1"].value
        assert row.value == pytest.approx(gap)
    wall, inner = scores["wall", "majority", None].value, scores["wall, interior", "majority", None].value
    assert wall == pytest.approx((16 + 48 * inner) / 64)  # the border is known
    assert scores["passage", "model", "resid_pre:0"].value == scores["passage", "majority", None].value
    compared = {row.measure for row in result.beyond if row.what["target"] == "passage"}
    assert compared == {f"beyond {name}" for name in probing.CONTROLS} - {"beyond edges"}
    passages = asked[2].mazes.passages.reshape(80, -1)[:, mazes.edge_ids(4, 4)]
    assert scores["passage", "always yes", None].value == pytest.approx(passages.mean())
    other = {(row.what["target"], row.what["site"], row.measure): row for row in result.beyond}
    row = other["goal", "resid_post:1", "beyond tokens"]
    gap = scores["goal", "model", "resid_post:1"].value - scores["goal", "tokens", None].value
    assert row.value == pytest.approx(gap)
    assert row.low <= row.value <= row.high


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("position", ["path", "current"])  # several samples a maze, and one
def test_the_fast_reading_is_what_transformer_lens_computes(positions, position):
    model = tiny.model(3, positions=positions)
    batch = mazes.draw(tiny.RAGGED, 40, seed=1)
    samples = probing.ask(model.maze_tokenizer, batch, position, seed=1)
    sites = probing.sites_of(SITES, 2, 2)
    fast = probing.read(model, samples, sites)
    ids = torch.from_numpy(samples.tokens.ids).long()
    with torch.inference_mode():
        slow = models.access.run(model, ids, read=sites).values
    for site in sites:
        expected = slow[site].numpy()[samples.maze, samples.position]
        assert np.allclose(fast[site], expected, atol=1e-4)
        small = probing.read(model, samples, [site], batch=7)[site]
        assert np.allclose(small, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["embed", "mlp_post", "z", "z:1:0", "attn_out:1", "resid_mid"])
def test_any_site_is_read(model, asked, name):
    sites = probing.sites_of([name], 2, 2)
    values = probing.read(model, asked[1], sites)
    for site in sites:
        assert values[site].shape == (len(asked[1]), features.width(site, model))


def test_bags_hold_what_was_read_and_no_more():
    batch = mazes.draw(WORLD, 20, seed=4)
    writer = Tokenizer("adjacency_list", 4, 4)
    inner = batch.passages.reshape(20, -1)[:, mazes.edge_ids(4, 4)]
    for scheme in SCHEMES:
        samples = probing.ask(Tokenizer(scheme, 4, 4), batch, "path_start", seed=2)
        bag = features.bag("edges", samples, Tokenizer(scheme, 4, 4))
        named = {"passages": inner, "walls": ~inner, "both": inner | True}[SCHEMES[scheme].edges]
        assert np.array_equal(bag, np.where(named, np.where(inner, 1, -1), 0)), scheme
    samples = probing.ask(writer, batch, "separators", seed=2)
    edges, counts = (features.bag(name, samples, writer) for name in ("edges", "tokens"))
    place = np.concatenate([np.arange(15)] * 20)
    assert np.array_equal(edges.sum(axis=1), place + 1)
    assert np.array_equal(counts.sum(axis=1), samples.position + 1)
    cells = features.bag("cells", samples, writer)
    assert (cells.sum(axis=1) == 3).all()


def test_no_maze_is_on_two_sides(asked):
    splits = [np.unique(mazes.split_of(mazes.passage_hash(one.mazes.passages))).tolist() for one in asked]
    assert splits == [[mazes.TRAIN], [mazes.VALIDATION], [mazes.TEST]]


def test_the_mazes_said_to_be_solved_are_those_behind_the_prompts_that_are_read(model):
    """The same edges in another order are another prompt, which the model may fail."""
    told = []

    def solved(batch, seed):
        told.append(model.maze_tokenizer.encode_prompts(batch, seed=seed))
        return np.arange(len(batch)) % 2 == 0

    recipe = replace(RECIPE, targets=("solved",))
    for prompts, one in zip(
        told, probing.split(WORLD, model.maze_tokenizer, recipe, seed=1, solved=solved), strict=False
    ):
        place = one.position.max() + 1
        assert np.array_equal(prompts.ids[:, :place], one.tokens.ids[:, :place])


def test_a_target_that_is_nowhere_on_unseen_mazes_is_refused(model, asked):
    """Otherwise its penalty is chosen on nothing and its best site is the first."""
    train = probing.ask(model.maze_tokenizer, asked[0].mazes, "path_start", seed=1)
    short = mazes.draw(World("wilson", 4, 4, min_length=3, max_length=4), 30, seed=1)
    near = probing.ask(model.maze_tokenizer, short, "path_start", seed=1)
    recipe = replace(RECIPE, targets=("ahead_4", "next_step"))
    for parts, split in (((train, near, train), "validation"), ((train, train, near), "test")):
        named = probing.refusals(model, parts, recipe)
        assert named == {"ahead_4": f"the target 'ahead_4' exists in none of the {split} mazes"}


def test_what_cannot_be_read_is_refused(model, asked):
    untrained = tiny.model(2)
    for changes, message in (
        ({"sites": ("resid_post:2",)}, r"layer=2.* does not exist: the model has layers 0\.\.1"),
        ({"sites": ("z:0:2",)}, r"head=2.* does not exist: the model has heads 0\.\.1"),
        ({"sites": ("resid_pots",)}, r"unknown kind of site 'resid_pots'; did you mean 'resid_post'\?"),
        ({"sites": ("pattern",)}, "pattern belongs to pairs of positions"),
        ({"sites": ("z:a",)}, "kind:layer:head, not 'z:a'"),
        ({"sites": ()}, "no site to read"),
    ):
        with pytest.raises(ValueError, match=message):
            probing.probe(model, untrained, asked, replace(RECIPE, **changes), seed=0)
    few = probing.split(WORLD, model.maze_tokenizer, replace(RECIPE, mazes=32), seed=1)
    with pytest.raises(ValueError, match="a probe of 'passage' has 33 parameters, but 32 different mazes are given"):
        probing.probe(model, untrained, few, RECIPE, seed=0)
    with pytest.raises(ValueError, match="penalties must be above 0"):
        ProbeRecipe(penalties=(0.0,))
    with pytest.raises(ValueError, match="unknown way to fit a probe"):
        ProbeRecipe(method="forest")
    with pytest.raises(ValueError, match="unknown bag 'edge'"):
        features.bag("edge", asked[0], model.maze_tokenizer)


@pytest.fixture(scope="module")
def kept(model, asked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    result = probing.probe(model, tiny.model(2), asked, replace(RECIPE, sites=SITES, method="logistic"), seed=3)
    probing.save(result, model, 4, 4, folder)
    return result, folder


def test_probes_come_back_from_disk_and_say_the_same(model, asked, kept):
    result, folder = kept
    back = probing.load(folder)
    assert back.result.recipe == result.recipe
    assert [(row.measure, row.value, row.n, dict(row.what)) for row in back.result.scores] == [
        (row.measure, row.value, row.n, dict(row.what)) for row in result.scores
    ]
    for name, one in result.best.items():
        told = probing.apply(back, name, model, asked[2])
        assert np.allclose(told, one.fit.predict(probing.read(model, asked[2], [one.site])[one.site]), atol=1e-5)
    read = probing.decoded(probing.apply(back, "passage", model, asked[2]), 4, 4)
    right = (read == asked[2].mazes.passages).reshape(80, -1)[:, mazes.edge_ids(4, 4)].mean()
    assert right == pytest.approx(result.best["passage"].score, abs=1e-6)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 100_000


def test_probes_read_the_model_they_were_trained_on_and_no_other(model, asked, kept, tmp_path):
    back = probing.load(kept[1])
    with pytest.raises(ValueError, match="the probe of 'passage' was trained on another model"):
        probing.apply(back, "passage", tiny.model(2), asked[2])
    with pytest.raises(ValueError, match=r"unknown trained probe 'pasage'; did you mean 'passage'\?"):
        probing.apply(back, "pasage", model, asked[2])
    smaller = probing.ask(model.maze_tokenizer, mazes.draw(World("wilson", 3, 3), 5, seed=0), "path_start", seed=0)
    with pytest.raises(ValueError, match="was trained on mazes of 4 x 4, not 3 x 3"):
        probing.apply(back, "passage", model, smaller)
    with pytest.raises(ValueError, match="holds no trained probes"):
        probing.load(tmp_path)
