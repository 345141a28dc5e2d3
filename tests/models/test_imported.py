"""Models from elsewhere give the logits of their own weights, walk as they walked, and are refused where they cannot.

The files are put together by zipfile, json and numpy alone. The oracle multiplies the raw arrays, one head
after the other, and knows nothing of transformer_lens. Names and ids of tokens were compared with
maze-dataset 1.4.2 and with the models in the folder examples/ of understanding-search/maze-transformer.
"""

import math

import numpy as np
import pytest
import torch

from maze_interp import mazes, models
from maze_interp.models import ModelConfig, language
from maze_interp.models.imported import opened_twice
from maze_interp.tokens import Tokenizer
from tests import zanj_files as files
from tests.zanj_files import HEADS, LAYERS, WIDTH, model_file, weights

MARKS = "<ADJLIST_START> <ADJLIST_END> <TARGET_START> <TARGET_END> <ORIGIN_START> <ORIGIN_END> <PATH_START> <PATH_END>"
SPECIALS = [*MARKS.split(), "<-->", ";", "<PADDING>"]
CORNER_FIRST = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2)]  # as maze-dataset lists them
UNIFORM = SPECIALS + [f"({row},{col})" for row, col in CORNER_FIRST]
RASTER = SPECIALS + [f"({row},{col})" for row, col in sorted(CORNER_FIRST)]
TUPLES = [*SPECIALS, "(", ",", ")", "0", "1", "2"]
SHUFFLED = [UNIFORM[i] for i in np.random.default_rng(0).permutation(20)]
DIAGONAL = SPECIALS + [f"({n},{n})" for n in range(129)]
COMBINED = [f"unused {i}" for i in range(4096)]
COMBINED[:14] = TUPLES[:14]
COMBINED[320:323] = "012"
COMBINED[1596:1605] = UNIFORM[11:]
UT = next(name for name, scheme in language.WAYS.items() if scheme == "adjacency_list")
CTT = next(name for name, scheme in language.WAYS.items() if scheme == "coordinate_tuples")
MODULAR = {"prompt_sequencer": {}, "name": UT}
WAYS = {  # (tokens by id, what dataset_cfg says, what maze_tokenizer says)
    "listed by the data set": (UNIFORM, {"token_arr": UNIFORM}, None),
    "listed by the tokenizer": (RASTER, {"token_arr": UNIFORM}, {"token_arr": RASTER}),
    "in no known order": (SHUFFLED, {"token_arr": SHUFFLED}, None),
    "rasterized": (RASTER, {}, {"tokenization_mode": "AOTP_UT_rasterized", "max_grid_size": 3}),
    "uniform": (UNIFORM, {"grid_n": 3}, {"tokenization_mode": "AOTP_UT_uniform", "max_grid_size": None}),
    "tuples": (TUPLES, {"grid_n": 2}, {"tokenization_mode": "AOTP_CTT_indexed", "max_grid_size": 3}),
    "modular": (COMBINED, {"grid_n": 3}, MODULAR),
    "modular tuples": (COMBINED, {"maze_dataset_configs": [{"grid_n": 2}, {"grid_n": 3}]}, {**MODULAR, "name": CTT}),
}


def layer_norm(x, state, name):
    x = x - x.mean()
    return x / math.sqrt((x * x).mean() + 1e-5) * state.get(f"{name}.w", 1.0) + state.get(f"{name}.b", 0.0)


def turned(x, position):
    """Rotary: the pair (x[i], x[i + half]) turned by position / 10000 ** (i / half)."""
    half, out = len(x) // 2, x.copy()
    for i in range(half):
        angle = position / 10_000 ** (i / half)
        out[i] = x[i] * math.cos(angle) - x[i + half] * math.sin(angle)
        out[i + half] = x[i + half] * math.cos(angle) + x[i] * math.sin(angle)
    return out


def plain_logits(state, ids, *, rotary=False):
    """Logits [position, vocab] from the raw arrays, a head at a time."""
    state = {name: value.astype(np.float64) for name, value in state.items()}
    stream = [state["embed.W_E"][i] + (0 if rotary else state["pos_embed.W_pos"][p]) for p, i in enumerate(ids)]
    gelu = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)
    for layer in range(LAYERS):
        of = {name.split(".", 2)[2]: value for name, value in state.items() if name.startswith(f"blocks.{layer}.")}
        normal = [layer_norm(x, of, "ln1") for x in stream]
        for head in range(HEADS):
            q, k, v = ([x @ of[f"attn.W_{n}"][head] + of[f"attn.b_{n}"][head] for x in normal] for n in "QKV")
            if rotary:
                q, k = ([turned(x, position) for position, x in enumerate(part)] for part in (q, k))
            scores = np.array(q) @ np.array(k).T / math.sqrt(WIDTH // HEADS)
            share = np.exp(scores - scores.max()) * np.tri(len(ids))
            mixed = share / share.sum(axis=1, keepdims=True) @ np.array(v)
            stream = [x + part @ of["attn.W_O"][head] for x, part in zip(stream, mixed, strict=True)]
        stream = [x + of["attn.b_O"] for x in stream]
        hidden = [gelu(layer_norm(x, of, "ln2") @ of["mlp.W_in"] + of["mlp.b_in"]) for x in stream]
        stream = [x + h @ of["mlp.W_out"] + of["mlp.b_out"] for x, h in zip(stream, hidden, strict=True)]
    return np.array([layer_norm(x, state, "ln_final") @ state["unembed.W_U"] + state["unembed.b_U"] for x in stream])


def sequences(tokenizer, count=2):
    world = mazes.World(rows=tokenizer.rows, cols=tokenizer.cols)
    some = mazes.draw(world, count, seed=5)
    return tokenizer.encode(some, mazes.solve(some, seed=0), seed=1)


@pytest.mark.parametrize("positions", ["standard", "rotary"])
@pytest.mark.parametrize("way", WAYS)
def test_logits_are_those_of_the_raw_arrays(tmp_path, way, positions):
    """To 1e-5 of logits of order 10, for every token that both vocabularies have."""
    tokens, data, told = WAYS[way]
    state = weights(len(tokens), positions)
    shape = {} if positions == "standard" else {"positional_embedding_type": "rotary"}  # older files do not say
    found = models.import_zanj(model_file(tmp_path / "m.zanj", state, data, told, **shape))
    tokenizer = found.model.maze_tokenizer
    assert [tokens[i] for i in found.theirs] == list(tokenizer.vocabulary.tokens)
    assert found.vocab == len(tokens)
    batch = sequences(tokenizer, 1)
    ids = batch.ids[0, : batch.length[0]]
    expected = plain_logits(state, found.theirs[ids], rotary=positions == "rotary")[:, found.theirs]
    got = found.model(torch.from_numpy(ids)[None].long())[0].detach().numpy()
    assert expected.std() > 1
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(models.forced_logits(found.model, batch)[0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("way", "order"), [("rasterized", "row_by_row"), ("uniform", "corner_first")])
def test_tokens_keep_their_ids_where_an_order_of_ours_is_theirs(tmp_path, way, order):
    _, data, told = WAYS[way]
    found = models.import_zanj(model_file(tmp_path / "m.zanj", weights(20), data, told))
    assert found.model.maze_config.order == order
    assert found.theirs.tolist() == list(range(20))
    assert found.world == mazes.World(rows=3, cols=3, knobs={"forks": False})
    assert found.name == "theirs"


def test_folded_layer_norms_do_nothing_more(tmp_path):
    state = {name: value for name, value in weights(20).items() if ".ln" not in name and "ln_final" not in name}
    folded = {"weight_processing": {"are_layernorms_folded": True, "are_weights_processed": True}}
    _, data, told = WAYS["uniform"]
    found = models.import_zanj(model_file(tmp_path / "m.zanj", state, data, told, **folded))
    ids = sequences(found.model.maze_tokenizer, 1).ids[0]
    got = found.model(torch.from_numpy(ids)[None].long())[0].detach().numpy()
    np.testing.assert_allclose(got, plain_logits(state, ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("way", ["in no known order", "modular"])
def test_a_model_that_walks_still_walks(tmp_path, trained, way):
    """Written down in another vocabulary and read back, a trained model writes the same paths, half of them right."""
    model, (tokens, data, told) = trained.model(), WAYS[way]
    config, state = model.maze_config, {name: weight.numpy() for name, weight in models.weights_of(model).items()}
    place = np.array([tokens.index(token) for token in model.maze_tokenizer.vocabulary.tokens])
    for name, axis in (("embed.W_E", 0), ("unembed.W_U", 1), ("unembed.b_U", 0)):
        shape = [len(tokens) if i == axis else size for i, size in enumerate(state[name].shape)]
        spread = np.full(shape, -9.0, np.float32)  # no word of theirs that we lack is ever written
        np.moveaxis(spread, axis, 0)[place] = np.moveaxis(state[name], axis, 0)
        state[name] = spread
    shape = {"d_model": config.d_model, "d_head": config.d_head, "n_layers": config.layers}
    found = models.import_zanj(model_file(tmp_path / "m.zanj", state, data, told, **shape))
    some = mazes.draw(trained.recipe.world, 100, seed=9)
    order = model.maze_tokenizer.draw_edge_order(some.passages, seed=0)
    mine, theirs = (
        models.rollout(one, some, prompts=one.maze_tokenizer.encode_prompts(some, edge_order=order))
        for one in (model, found.model)
    )
    assert np.array_equal(mine.length, theirs.length)
    assert np.array_equal(mine.cells, theirs.cells)
    assert mazes.paths.optimal(some, theirs).mean() > 0.3


def test_a_sequence_can_be_opened_twice():
    batch = sequences(Tokenizer("adjacency_list", 3, 3))
    twice = opened_twice(batch)
    assert np.array_equal(twice.ids[:, 1:], batch.ids)
    assert (twice.ids[:, 0] == 0).all()
    assert np.array_equal(twice.length, batch.length + 1)
    assert not twice.graded[:, 0].any()


def state_without(name):
    return {key: value for key, value in weights(20).items() if key != name}


def set_network(*path):
    *parents, last, value = path

    def change(tree):
        table = tree["zanj_model_config"]
        for key in parents:
            table = table[key]
        table[last] = value

    return change


def sees_all(tree):
    tree["state_dict"]["blocks.0.attn.mask"] = files.inline(np.ones((4, 4), bool), files.OLD, "torch.Tensor")


BAD = {
    "relu": ({"act_fn": "relu"}, "neurons are 'relu'"),
    "unknown key": ({"attn_only": True}, "unknown key of model_cfg 'attn_only'"),
    "positions": ({"positional_embedding_type": "shortformer"}, "unknown positional embedding 'shortformer'"),
    "table of positions": ({"positional_embedding_type": {}}, "unknown positional embedding"),
    "no heads": ({"n_heads": None}, "None heads of 8"),
    "heads": ({"n_heads": 3}, "3 heads of 8 do not make up d_model 16"),
    "size": ({"d_head": "8"}, "d_head must be a whole number"),
    "too many layers": ({"n_layers": 10**9}, "not those of 1000000000 layers"),
    "another width": ({"d_model": 64}, "not those of 2 layers of d_model 64"),
    "a layer more": ({"n_layers": 3}, "it lacks blocks.2"),
    "a layer fewer": ({"n_layers": 1}, "it has blocks.1"),
    "not causal": (sees_all, "not causal"),
    "missing": (state_without("blocks.1.mlp.b_in"), "lacks blocks.1.mlp.b_in"),
    "norm missing": (state_without("ln_final.w"), "lacks ln_final.w"),
    "embedding missing": (state_without("embed.W_E"), "lacks embed.W_E"),
    "surplus": (weights(20) | {"blocks.0.attn.W_extra": np.ones(3, np.float32)}, "it has blocks.0.attn.W_extra"),
    "wrong shape": (weights(20) | {"unembed.b_U": np.ones(19, np.float32)}, r"unembed.b_U is float32 \[19\], not"),
    "array for neurons": ({"act_fn": files.inline(np.array([1, 2]))}, "its neurons are"),
    "not a number": (weights(20) | {"ln_final.b": np.full(16, np.nan, np.float32)}, "ln_final.b holds something"),
    "no room": (weights(20) | {"ln_final.b": np.full(16, 1e300)}, "none that float32 has room for"),
    "list in an array": (set_network("dataset_cfg", "token_arr", files.inline(np.arange(3))), "no list of strings"),
    "whole numbers": (weights(20) | {"ln_final.b": np.ones(16, np.int64)}, "ln_final.b is int64"),
    "too long": (weights(20) | {"pos_embed.W_pos": np.ones((8193, 16), np.float32)}, "context of 8193 tokens"),
    "vocabulary": (weights(21), "has 20 tokens, its embedding 21"),
    "no tokenizer": (set_network("maze_tokenizer", None), "unknown tokenizer: it names none"),
    "unknown tokenizer": (
        set_network("maze_tokenizer", "tokenization_mode", "AOTP_UT_uniforn"),
        "unknown tokenizer 'AOTP_UT_uniforn'; did you mean 'AOTP_UT_uniform'",
    ),
    "modes": (set_network("maze_tokenizer", "tokenization_mode", []), r"unknown tokenizer '\[\]'"),
    "named by a table": (set_network("maze_tokenizer", {**MODULAR, "name": {}}), "unknown tokenizer '{}'"),
    "unknown modular": (
        set_network("maze_tokenizer", {**MODULAR, "name": "MazeTokenizerModular-AOP(UT())"}),
        "unknown tokenizer 'MazeTokenizerModular-AOP",
    ),
    "huge lattice": (set_network("maze_tokenizer", "max_grid_size", 10**6), "1000000 rows"),
    "no lattice": (set_network("dataset_cfg", "grid_n", None), "how large its mazes are"),
    "context": (set_network("dataset_cfg", "seq_len_max", -1), "seq_len_max must be"),
    "list without cells": (set_network("dataset_cfg", "token_arr", SPECIALS), "no cell and no number"),
    "list with a hole": (set_network("dataset_cfg", "token_arr", [*UNIFORM[:12], *UNIFORM[13:]]), r"token '\(0,1\)'"),
    "list with a diagonal": (set_network("dataset_cfg", "token_arr", DIAGONAL), "129 rows; more than 128"),
    "list with a repeat": (set_network("dataset_cfg", "token_arr", UNIFORM + UNIFORM[:1]), "a token twice"),
    "list of numbers": (set_network("dataset_cfg", "token_arr", [1, 2]), "no list of strings"),
    "no configuration": (lambda tree: tree.pop("zanj_model_config"), "no table zanj_model_config"),
    "no weights": (lambda tree: tree.pop("state_dict"), "no table state_dict"),
    "weights of words": (lambda tree: tree["state_dict"].update(x="y"), "something that is no array"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_a_file_that_is_no_model_of_ours_is_refused_with_the_reason(tmp_path, wrong):
    given, reason = BAD[wrong]
    _, data, told = WAYS["uniform"]
    state, shape, change = weights(20), {}, lambda tree: None
    if callable(given):
        change = given
    elif "act_fn" in given or not any(isinstance(value, np.ndarray) for value in given.values()):
        shape = given
    else:
        state = given
    if "list" in wrong:
        told = None
    path = model_file(tmp_path / "m.zanj", state, data, told and dict(told), change, **shape)
    with pytest.raises(ValueError, match=reason) as error:
        models.import_zanj(path)
    assert "m.zanj" in str(error.value)


def test_a_network_larger_than_its_file_is_refused_before_there_is_memory_for_it(tmp_path):
    """Zeros that take some kilobytes ask for matrices of 160 GB."""
    width, (_, data, told) = 200_000, WAYS["uniform"]
    state = weights(20) | {"embed.W_E": np.zeros((20, width), np.float16)}
    path = model_file(tmp_path / "m.zanj", state, data, told, d_model=width, d_head=width // 2)
    with pytest.raises(ValueError, match=r"pos_embed.W_pos is float32 \[160, 16\], not numbers \[160, 200000\]"):
        models.import_zanj(path)


@pytest.mark.parametrize(
    "said",
    [
        {"maze_ctor": {"__name__": "gen_new"}},
        {"maze_ctor": None},
        {"maze_ctor_kwargs": [1]},
        {"maze_ctor_kwargs": {"p": "much"}},
        {"endpoint_kwargs": {"deadend_start": True}},
        {"grid_n": 8},
        {"maze_ctor_kwargs": files.inline(np.arange(3))},
        {"endpoint_kwargs": files.inline(np.arange(3))},
    ],
)
def test_what_a_maze_was_made_by_may_be_unknown(tmp_path, said):
    _, data, told = WAYS["rasterized"]
    assert models.import_zanj(model_file(tmp_path / "m.zanj", weights(20), {**data, **said}, told)).world is None


def test_the_combined_vocabulary_is_that_of_any_lattice():
    """Ids of four cells of the largest lattice, as maze-dataset 1.4.2 numbers them."""
    _, data, told = WAYS["modular"]
    found = language.language_of({"maze_tokenizer": told}, {**data, "grid_n": 50}, 4096)
    vocabulary = ModelConfig(rows=50, cols=50, order="corner_first").tokenizer.vocabulary
    for cell, place in {"(0,0)": 1596, "(1,2)": 1602, "(3,2)": 1609, "(49,49)": 4095}.items():
        assert found.ids[vocabulary.ids[cell]] == place
    with pytest.raises(ValueError, match="50 x 50, not for 51 x 51"):
        language.language_of({"maze_tokenizer": told}, {**data, "grid_n": 51}, 4096)
