"""Models that the published group trained, from their `.zanj` files, without their libraries.

Such a file holds a HookedTransformer's weights under transformer_lens' own names, and a configuration: the network's
shape, the data set it was trained on and, in one of four ways that changed over the years, its vocabulary:

    dataset_cfg.token_arr                 until mid 2023: the tokens themselves
    maze_tokenizer.token_arr              until 2024: the same, at another place
    maze_tokenizer.tokenization_mode      the name of a way to write mazes, and the size of the lattice
    a MazeTokenizerModular                since 2024: 4,096 tokens, of which any one model has learned only a few

Our tokenizer speaks the same language with the tokens in an order of its own, so rows of the embeddings are put into
that order; those of tokens that our tokenizer lacks are left out. A network of a kind that `ModelConfig` cannot say is
refused. Their training code hands sequences over as text, to which transformer_lens by default adds a first token; in
their tokenizer that is `<ADJLIST_START>`, so their models have probably read it twice: see `opened_twice`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from maze_interp import recipes
from maze_interp.mazes import NO_CELL, World, archive
from maze_interp.models.config import ModelConfig
from maze_interp.models.hooked import HookedTransformer, build
from maze_interp.models.language import Language, language_of
from maze_interp.tokens import TokenBatch
from maze_interp.tokens.batch import EDGE
from maze_interp.tokens.vocabulary import ADJLIST_START

NETWORK, STATE, SHAPE = "zanj_model_config", "state_dict", "model_cfg"
KNOWN = {"name", "act_fn", "d_model", "d_head", "n_layers", "n_heads", "positional_embedding_type", "weight_processing"}
POSITIONS = {"standard": "learned", "rotary": "rotary"}
WORDS = {"embed.W_E": 0, "unembed.W_U": 1, "unembed.b_U": 0}  # the axis with a place for each token
BUFFERS = ("attn.mask", "attn.IGNORE", "attn.rotary_sin", "attn.rotary_cos")  # they follow from the network's shape
GENERATORS = {
    "gen_dfs": "depth_first",
    "gen_dfs_percolation": "depth_first_percolation",
    "gen_kruskal": "kruskal",
    "gen_percolation": "percolation",
    "gen_recursive_division": "recursive_division",
    "gen_wilson": "wilson",
}
LONGEST = 8192
KNOBS = {"do_forks": "forks", "p": "p"}


@dataclass(frozen=True)
class Imported:
    """A model from elsewhere and what its file says of it.

    `theirs` is the id that each of our tokens has in their vocabulary of `vocab` tokens. `world` is the kind of maze it
    was trained on, None where we have none such. `name` is the file's own.
    """

    model: HookedTransformer
    name: str
    world: World | None
    theirs: Int[np.ndarray, " vocab"]
    vocab: int


def import_zanj(path: str | Path, *, device: str = "cpu", limit: int = archive.LIMIT) -> Imported:
    """The model in a `.zanj` file of maze-transformer; its logits are theirs, token by token.

    Layer norms that were folded into the weights come as layer norms that do nothing more. Raises ValueError, naming
    the file, for what is no such file or was tampered with, an unknown tokenizer, missing or surplus tensors, wrong
    shapes, and networks of a kind that we do not have.
    """
    tree = archive.read(path, limit=limit)
    try:
        return _imported(tree, device)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def opened_twice(prompts: TokenBatch) -> TokenBatch:
    """The same sequences with `<ADJLIST_START>` once more in front, for `rollout(..., prompts=...)`."""
    return TokenBatch(
        ids=np.insert(prompts.ids, 0, ADJLIST_START, axis=1),
        part=np.insert(prompts.part, 0, EDGE, axis=1),
        cell=np.insert(prompts.cell, 0, NO_CELL, axis=1),
        graded=np.insert(prompts.graded, 0, False, axis=1),
        length=prompts.length + 1,
    )


def _imported(tree: Any, device: str) -> Imported:
    config = _table(tree, NETWORK, "it")
    state = _table(tree, STATE, "it")
    shape, data = (_table(config, key, NETWORK) for key in (SHAPE, "dataset_cfg"))
    if not all(isinstance(value, np.ndarray) for value in state.values()):
        raise ValueError(f"its {STATE} holds something that is no array")
    vocab = _size(state, "embed.W_E", 0)
    language = language_of(config, data, vocab)
    network = _config(shape, state, language)
    with torch.device("meta"):  # shapes without memory: a few zeros may ask for more than there is
        outline = build(network, seed=0, device="meta")
    weights = _ours(state, shape, outline)
    _check(outline, weights, vocab)
    model = build(network, seed=0)
    _fill(model, weights, language.ids)
    model.to(device, print_details=False)
    name = config.get("name")
    named = name if isinstance(name, str) and name and name.isprintable() else "unnamed"
    return Imported(model, named, _world(data, language), language.ids, vocab)


def _config(shape: Mapping[str, Any], state: Mapping[str, np.ndarray], language: Language) -> ModelConfig:
    """The network's shape in our words. ValueError for what they cannot say."""
    strange = [key for key in shape if key not in KNOWN and key not in archive.KINDS]
    if strange:
        raise recipes.unknown(f"key of {SHAPE}", strange[0], KNOWN)
    for key in ("d_model", "d_head", "n_layers"):
        if type(shape.get(key)) is not int or shape[key] < 1:
            raise ValueError(f"{SHAPE}.{key} must be a whole number from 1, not {shape.get(key)!r}")
    if not isinstance(shape.get("act_fn"), str) or shape["act_fn"] != "gelu":
        raise ValueError(f"its neurons are {shape.get('act_fn')!r}; models here have gelu")
    positions = shape.get("positional_embedding_type", "standard")
    if not isinstance(positions, str) or positions not in POSITIONS:
        raise recipes.unknown("positional embedding", positions, POSITIONS)
    heads = shape.get("n_heads", shape["d_model"] // shape["d_head"])
    if type(heads) is not int or heads * shape["d_head"] != shape["d_model"]:
        raise ValueError(
            f"{heads} heads of {shape['d_head']} do not make up d_model {shape['d_model']}, as models here need"
        )
    context = _size(state, "pos_embed.W_pos", 0) if positions == "standard" else language.context
    if context > LONGEST:  # a mask of context x context is built
        raise ValueError(f"its context of {context} tokens is longer than the {LONGEST} there is room for")
    if shape["n_layers"] > len(state) or shape["d_model"] != _size(state, "embed.W_E", 1):
        raise ValueError(f"its tensors are not those of {shape['n_layers']} layers of d_model {shape['d_model']}")
    return ModelConfig(
        layers=shape["n_layers"],
        d_model=shape["d_model"],
        heads=heads,
        d_mlp=_size(state, "blocks.0.mlp.W_in", 1),
        context=context,
        positions=POSITIONS[positions],
        rows=language.size,
        cols=language.size,
        scheme=language.scheme,
        order=language.order,
    )


def _size(state: Mapping[str, np.ndarray], name: str, axis: int) -> int:
    if name not in state or state[name].ndim != 2 or 0 in state[name].shape:
        raise ValueError(f"it lacks {name}, or its shape is no matrix")
    return state[name].shape[axis]


def _ours(state: Mapping[str, np.ndarray], shape: Mapping[str, Any], model: HookedTransformer) -> dict[str, np.ndarray]:
    """The file's weights, without the buffers, and with layer norms that do nothing where they were folded."""
    weights = {name: value for name, value in state.items() if not name.endswith(BUFFERS)}
    for name in (name for name in state if name.endswith("attn.mask")):
        mask = state[name]
        if mask.dtype != bool or mask.ndim != 2 or not (mask == np.tri(*mask.shape, dtype=np.bool_)).all():
            raise ValueError(f"{name} is not causal: models here look back alone")
    folded = shape.get("weight_processing")
    if isinstance(folded, dict) and folded.get("are_layernorms_folded") is True:
        norms = [name for name in dict(model.named_parameters()) if name.split(".")[-2].startswith("ln")]
        for name in norms:
            weights.setdefault(name, np.broadcast_to(np.float32(name.endswith(".w")), shape["d_model"]))
    surplus = weights.keys() - dict(model.named_parameters()).keys()
    if surplus:
        raise ValueError(f"it has {min(surplus)}, which a model of this shape lacks")
    return weights


def _check(model: HookedTransformer, weights: Mapping[str, np.ndarray], vocab: int) -> None:
    """ValueError for a tensor of a model with `vocab` tokens that is missing, of another shape or not finite."""
    for name, weight in model.named_parameters():
        if name not in weights:
            raise ValueError(f"it lacks {name}")
        given, wanted = weights[name], list(weight.shape)
        if name in WORDS:
            wanted[WORDS[name]] = vocab
        if list(given.shape) != wanted or given.dtype.kind != "f":
            raise ValueError(f"{name} is {given.dtype} {list(given.shape)}, not numbers {wanted}")
        with np.errstate(over="ignore"):
            if not np.isfinite(given.astype(np.float32)).all():
                raise ValueError(f"{name} holds something that is no number, or none that float32 has room for")


def _fill(model: HookedTransformer, weights: Mapping[str, np.ndarray], ids: Int[np.ndarray, " vocab"]) -> None:
    """Set the model's parameters, of those that have a place for each token the places `ids`."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            chosen = weights[name].take(ids, axis=WORDS[name]) if name in WORDS else weights[name]
            weight.copy_(torch.from_numpy(chosen.astype(np.float32)))


def _world(data: Mapping[str, Any], language: Language) -> World | None:
    """The kind of maze that a configuration of theirs names; None where it is none of ours."""
    maker = data.get("maze_ctor")
    name = maker.get("__name__") if isinstance(maker, dict) else maker
    given, asked = ({} if data.get(key) is None else data[key] for key in ("maze_ctor_kwargs", "endpoint_kwargs"))
    if not isinstance(name, str) or name not in GENERATORS or not isinstance(asked, dict) or asked:
        return None
    if not isinstance(given, dict) or not given.keys() <= KNOBS.keys():
        return None
    size = data.get("grid_n")
    if type(size) is not int or not 2 <= size <= language.size:
        return None
    try:
        return World(GENERATORS[name], size, size, {KNOBS[key]: value for key, value in given.items()})
    except (TypeError, ValueError):  # knobs that its counterpart here does not have
        return None


def _table(tree: Any, key: str, whose: str) -> dict[str, Any]:
    if not isinstance(tree, dict) or not isinstance(tree.get(key), dict):
        raise ValueError(f"no model of maze-transformer: {whose} has no table {key}")
    return tree[key]
