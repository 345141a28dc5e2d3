"""Heads whose ways are known are named so and nothing else; targets are what the text says; chance is the permuted."""

import networkx as nx
import numpy as np
import pytest
import torch

from maze_interp import attention, mazes, models
from maze_interp.attention import heads, permuted, scenes
from maze_interp.models import ModelConfig
from tests import handset, oracles, tiny

SCORES = attention.SCORES
every_score = pytest.mark.parametrize("name", SCORES)
BACK, ENDS, GOAL = (0, 0), (0, 1), (0, 2)  # the hand-set heads


def hand_set() -> models.HookedTransformer:
    """One layer on 3 x 3 trees. Head 0 looks one token back; head 1 looks 1 and 3 back at `;` and else at the first
    token; head 2 looks at the goal and copies it. Position and token are one-hot parts of the stream."""
    (model, word, _), sure = handset.silent(), 4.0
    context, attn = word.start, model.blocks[0].attn
    with torch.no_grad():
        attn.W_Q[0, 1:context, : context - 1] = sure * torch.eye(context - 1)
        attn.W_Q[1] = attn.W_Q[0]
        attn.W_Q[1, 3:context, : context - 3] += sure * torch.eye(context - 3)
        attn.W_Q[1, word, 0] = 3 * sure
        attn.W_Q[1, context + 9, 0] = 0.0  # `;`
        attn.b_Q[2, handset.GOAL_AT] = 12 * sure
    handset.copy(model, 0, 2, word, word)
    return model


def trees(count: int, size: int = 3, seed: int = 0) -> tuple[mazes.MazeBatch, mazes.PathBatch]:
    drawn = mazes.draw(mazes.World("wilson", size, size, min_length=3), count, seed=seed)
    return drawn, mazes.solve(drawn)


@pytest.fixture(scope="module")
def known():
    return attention.score_heads(hand_set(), *trees(60), seed=0)


def test_heads_whose_ways_are_known_bear_their_names_and_no_other(known):
    assert attention.head_names(known) == {BACK: ["previous_token"], ENDS: ["connectivity"], GOAL: ["goal"]}


def test_nothing_else_of_them_is_beyond_chance(known):
    """Whatever its size: 30 scores at a joint 5%, of which only the three are."""
    assert attention.bears(known, least=0.001).sum() == 3


def test_their_scores_are_nearly_all_of_their_attention(known):
    rows = attention.score_rows(known, seed=0, model="hand-set")
    assert len(rows) == 3 * len(SCORES)
    named = {(row.what["layer"], row.what["head"]): row for row in rows if row.what["named"]}
    assert {key: row.measure for key, row in named.items()} == {
        BACK: "previous_token",
        ENDS: "connectivity",
        GOAL: "goal",
    }
    for row in named.values():
        assert row.what["share"] > 0.99
        assert 0.6 < row.value <= row.what["share"]
        assert row.what["model"] == "hand-set"


def test_an_untrained_network_bears_no_names():
    """At a joint 5% for 90 scores, and by a tenth of what they could be."""
    untrained = models.build(ModelConfig(layers=3, d_model=48, heads=3, rows=4, cols=4), seed=0)
    assert attention.head_names(attention.score_heads(untrained, *trees(60, 4), seed=0)) == {}


def test_a_head_that_looks_past_walls_is_an_adjacency_head_but_heeds_no_passages():
    """Patterns set by hand: all on open neighbours, or all on neighbours whether open or not."""
    batch, paths = trees(60, 4)
    model = models.build(ModelConfig(layers=1, d_model=8, heads=1, rows=4, cols=4), seed=0)
    where = scenes.scene(batch, model.maze_tokenizer.encode(batch, paths, seed=0), scenes.AT_PATH)
    ones = np.ones((len(batch), 1, where.tokens.ids.shape[1]))
    for looks, heeds in ((heads.open_neighbours, True), (heads.lattice_neighbours, False)):
        weight = looks(where).astype(float)
        pattern = (weight / np.maximum(weight.sum(axis=-1, keepdims=True), 1))[:, :, None]
        gaps = []
        for name in ("adjacency", "passage"):
            share, chance = heads.mass(pattern, *heads._masks(SCORES[name], where), ones)
            gaps.append(np.nanmean(share - chance))
        assert gaps[0] > 0.3
        assert (gaps[1] > 0.3) if heeds else abs(gaps[1]) < 1e-9


@every_score
def test_even_attention_is_chance(name):
    where, masks = asked(name)
    even = where.before / np.maximum(where.before.sum(axis=-1, keepdims=True), 1)
    share, chance = heads.mass(even[:, :, None], *masks, ones(where))
    assert np.allclose(share, chance, equal_nan=True)
    assert (~np.isnan(share)).sum() > 5


@every_score
def test_all_attention_on_targets_scores_one(name):
    where, (targets, among) = asked(name)
    weight = sum(target / np.maximum(target.sum(axis=-1, keepdims=True), 1) for target in targets) / len(targets)
    share, chance = heads.mass(weight[:, :, None], targets, among, ones(where))
    known = ~np.isnan(share)
    assert np.allclose(share[known], 1.0)
    assert (chance[known] < 1).all()


@every_score
def test_chance_is_the_mean_of_permuted_positions(name):
    """Of 100 permutations a query: within 5 standard errors at each of 12 mazes, which fails by chance below 1e-4."""
    where, (targets, among) = asked(name)
    rng = np.random.default_rng(0)
    pattern = where.before * rng.exponential(size=where.before.shape)
    if len(targets) > 1:
        targets[:, :, 0] = False  # at the first `;` one end is comparable to the other alone, both to nothing
    chances = []
    for target in targets:
        _, chance = heads.mass(pattern[:, :, None], target[None], among, ones(where))
        draws = [shuffled(pattern, among, rng)[:, :, None] for _ in range(100)]
        shares = np.stack([heads.mass(draw, target[None], among, ones(where))[0] for draw in draws])
        known = ~np.isnan(chance)
        error = shares.std(axis=0)[known] / 10
        assert (abs(shares.mean(axis=0) - chance)[known] <= 5 * error + 1e-9).all()
        chances.append(chance)
    of_all = heads.mass(pattern[:, :, None], targets, among, ones(where))[1]
    assert np.allclose(of_all, len(targets) * np.min(chances, axis=0), equal_nan=True)


@every_score
def test_targets_are_what_the_text_says(name):
    where, (targets, among) = asked(name)
    texts = models.ModelConfig(rows=4, cols=4).tokenizer.text(where.tokens)
    for maze, text in enumerate(texts):
        strings = text.split()
        graph = oracles.graph(where.mazes.passages[maze])
        for number, query in enumerate(where.query[maze]):
            expected = said(name, strings, int(query), graph) if query >= 0 else set()
            found = set(np.flatnonzero(targets[:, maze, number].any(axis=0)).tolist())
            assert found == expected, (name, strings, query)
            assert not (targets[:, maze, number] & ~among[maze, number]).any()


def test_how_heads_vary_together_is_that_of_drawn_permutations():
    """Of 1,500 permutations of two heads' attention at once: each entry within 15%, about four standard errors."""
    where, (targets, among) = asked("same_cell")
    few, rng = slice(0, 2), np.random.default_rng(1)
    targets, among, before = targets[:, few], among[few], where.before[few]
    pattern = before[:, :, None] * rng.exponential(size=(*before.shape[:2], 2, before.shape[2]))
    pattern[:, :, 1] += 2 * pattern[:, :, 0]
    shares = []
    for _ in range(1500):
        order = np.where(among, rng.random(among.shape), np.inf).argsort(axis=-1)
        back = np.where(among, 0, 1).argsort(axis=-1, kind="stable")
        moved = pattern.copy()
        np.put_along_axis(moved, back[:, :, None], np.take_along_axis(pattern, order[:, :, None], axis=-1), axis=-1)
        moved = np.where(among[:, :, None], moved, pattern)
        shares.append(np.nansum(heads.mass(moved, targets, among, np.ones((2, 2, before.shape[2])))[0], axis=0))
    exact = permuted.covariance(pattern, targets, among)
    assert np.allclose(np.cov(np.array(shares).T), exact, rtol=0.15)


def test_the_furthest_of_heads_without_a_way_is_within_what_permuted_positions_do():
    """Attention of 24 heads on random tokens: its furthest exceeds the 95% bound in 1 of 20 sets, in 4 or more of 20
    with probability 0.02 at new seeds."""
    where, (targets, among) = asked("same_cell")
    rng, beyond = np.random.default_rng(0), 0
    flat = np.ones((len(where.mazes), 24, among.shape[2]))
    for seed in range(20):
        pattern = where.before[:, :, None] * rng.exponential(size=(*among.shape[:2], 24, among.shape[2])) ** 2
        share, chance = (part.reshape(1, -1, 4, 6) for part in heads.mass(pattern, targets, among, flat))
        counted = (~np.isnan(share[0, :, 0, 0])).sum()
        varied = permuted.covariance(pattern, targets, among)[None] / counted**2
        (top,) = attention.strongest(attention.HeadScores(("same",), share, chance, varied), seed=seed)
        beyond += top.value > top.what["permuted"]
    assert beyond <= 4


def test_the_strongest_of_many_is_told_with_both_corrections(known):
    tops = {row.measure: row for row in attention.strongest(known, seed=0, model="hand-set")}
    assert set(tops) == set(SCORES)
    single = {(row.what["layer"], row.what["head"], row.measure): row for row in attention.score_rows(known, seed=0)}
    for name, row in tops.items():
        mine = single[row.what["layer"], row.what["head"], name]
        assert row.value == pytest.approx(mine.value)
        assert mine.value == max(one.value for (*_, measure), one in single.items() if measure == name)
        assert row.low <= mine.low + 1e-9 or np.isnan([row.low, mine.low]).all()
        assert row.what["named"] == mine.what["named"] == (name in ("previous_token", "connectivity", "goal"))
        if row.what["named"]:
            assert row.value > 10 * row.what["permuted"]


def said(name: str, strings: list[str], query: int, graph: nx.Graph) -> set[int]:
    """The targets of a score, word by word."""
    cell = [4 * int(word[1]) + int(word[3]) if word.startswith("(") else None for word in strings]
    here, came, end = cell[query], cell[query - 1], strings.index("<ADJLIST_END>")
    prompt = [key for key in range(min(end, query)) if cell[key] is not None]
    opening = strings.index("<PATH_START>")
    return {
        "adjacency": lambda: {k for k in prompt if cell[k] in graph[here] and cell[k] != came},
        "passage": lambda: {k for k in prompt if cell[k] in graph[here] and cell[k] != came},
        "connectivity": lambda: {query - 1, query - 3},
        "edges_here": lambda: {
            k
            for k in range(end)
            if strings[k] == ";" and here in (ends := {cell[k - 1], cell[k - 3]}) and came not in ends
        },
        "goal": lambda: {strings.index("<TARGET_START>") + 1},
        "start": lambda: {strings.index("<ORIGIN_START>") + 1},
        "previous_token": lambda: {query - 1},
        "same_cell": lambda: {k for k in prompt if cell[k] == here},
        "backtracking_avoidance": lambda: {k for k in range(query) if came is not None and cell[k] == came},
        "path_history": lambda: set(range(opening + 1, query - 1)),
    }[name]()


def asked(name: str):
    """A dozen ragged mazes, the scene a score asks in, and its masks."""
    batch = mazes.draw(tiny.RAGGED, 12, seed=4)
    tokens = ModelConfig(rows=4, cols=4).tokenizer.encode(batch, mazes.solve(batch), seed=4)
    where = scenes.scene(batch, tokens, SCORES[name].at)
    return where, heads._masks(SCORES[name], where)


def ones(where: scenes.Scene) -> np.ndarray:
    return np.ones((len(where.mazes), 1, where.tokens.ids.shape[1]))


def shuffled(pattern: np.ndarray, among: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every row with its entries at comparable tokens in another order."""
    out = pattern.copy()
    for maze, query in np.ndindex(pattern.shape[:2]):
        keys = np.flatnonzero(among[maze, query])
        out[maze, query, keys] = pattern[maze, query, rng.permutation(keys)]
    return out


def test_who_raises_what_he_looks_at_does_not_avoid_it():
    where, (targets, among) = asked("backtracking_avoidance")
    weight = targets[0] / np.maximum(targets[0].sum(axis=-1, keepdims=True), 1)
    for sign in (1.0, -1.0):
        share, chance = heads.mass(weight[:, :, None], targets, among, sign * ones(where))
        assert np.allclose(share[~np.isnan(share)], sign)
        assert (chance[~np.isnan(share)] > 0).all()


def test_the_sign_of_avoidance_is_what_the_head_writes():
    """Attention set to one token at a time: the logit of its own cell rises against the others where it says so."""
    model = tiny.model(layers=1, positions="learned")
    with torch.no_grad():
        model.blocks[0].mlp.W_out.zero_()
    batch, paths = trees(2, 4)
    tokens = model.maze_tokenizer.encode(batch, paths, seed=0)
    ids = torch.from_numpy(tokens.ids).long()
    site = models.Site("pattern", 0, 1)
    values = models.access.run(model, ids, read=[models.Site("v", 0)]).values[models.Site("v", 0)]
    raises = heads.raises_itself(model, 0, values, tokens.ids)
    cell_ids = torch.from_numpy(model.maze_tokenizer.vocabulary.cell_ids.flatten()).long()
    end = models.Site("resid_post", 0)

    def against(change):
        stream = models.access.run(model, ids, edits={site: change}, read=[end]).values[end][:, -1]
        centred = stream - stream.mean(dim=-1, keepdim=True)  # the last layer norm without its scale
        return centred * model.ln_final.w @ model.unembed.W_U

    nothing = against(torch.zeros_like)
    for key in (1, 3, 5):
        moved = against(lambda pattern, key=key: torch.eye(pattern.shape[-1])[key].expand_as(pattern)) - nothing
        for maze in range(2):
            own = moved[maze, ids[maze, key]] - moved[maze, cell_ids].mean()
            assert raises[maze, 1, key] == pytest.approx(own.item(), rel=1e-3, abs=1e-4)


def test_a_score_of_ones_own_is_one_line():
    start_of_list = attention.Score((lambda s: s.before & (np.arange(s.before.shape[2]) == 0),), heads.earlier)
    found = attention.score_heads(hand_set(), *trees(10), seed=0, scores={"first": start_of_list})
    assert found.names == ("first",)
    assert found.share.shape == (1, 10, 1, 3)
    assert found.share[0, :, 0, 1].min() > 0.99  # at cells of the path, which are no `;`


def test_progress_and_repetition():
    said = []
    one, two = (
        attention.score_heads(hand_set(), *trees(40), seed=3, progress=lambda *given: said.append(given))
        for _ in range(2)
    )
    assert np.array_equal(one.share, two.share, equal_nan=True)
    assert said[-1] == (40, 40)


def test_what_cannot_be_asked_is_refused():
    batch, paths = trees(3, 3)
    for scheme in ("directions", "coordinates", "forks"):
        other = models.build(ModelConfig(layers=1, d_model=8, heads=1, rows=3, cols=3, scheme=scheme), seed=0)
        with pytest.raises(ValueError, match=rf"the scheme '{scheme}' writes others"):
            attention.score_heads(other, batch, paths, seed=0)
    for scheme in ("no_target", "walls", "edges_last", "unconnected"):
        other = models.build(ModelConfig(layers=1, d_model=8, heads=1, rows=3, cols=3, scheme=scheme), seed=0)
        found = attention.score_heads(other, batch, paths, seed=0)
        assert np.isnan(found.share[found.names.index("goal")]).all() == (scheme == "no_target")
        assert not np.isnan(found.share[found.names.index("connectivity")]).all()
    none = mazes.MazeBatch(batch.passages[:0], batch.start[:0], batch.goal[:0])
    with pytest.raises(ValueError, match="at least one maze"):
        attention.score_heads(hand_set(), none, paths[:0], seed=0)
