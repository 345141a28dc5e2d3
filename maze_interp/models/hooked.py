"""The only door to transformer_lens: build, save and load a HookedTransformer that carries its own language.

What is trained, probed and patched is always a HookedTransformer, so every tool written for one works here. Weights
are drawn from an explicit seed in a fixed order; on disk a model is `model.safetensors` (no pickle) beside
`config.json`. Nothing is folded unless `fold` is called.
"""

import copy
import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maze_interp import recipes, seeds, storage
from maze_interp.models import manifest
from maze_interp.models.config import ModelConfig
from maze_interp.models.named import locate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformer_lens import HookedTransformer, HookedTransformerConfig

WEIGHTS, CONFIG = "model.safetensors", "config.json"
PARTS = ("embed", "pos_embed", "blocks", "ln_final", "unembed")  # what a checkpoint holds besides is its optimiser's


def build(config: ModelConfig, *, seed: int, device: str = "cpu") -> HookedTransformer:
    """A freshly initialised HookedTransformer with `.maze_config` and `.maze_tokenizer`.

    Initialisation as in GPT-2 scaled to the width (Radford et al. 2019; transformer_lens' default): matrices and
    embeddings normal with standard deviation 0.8 / sqrt(d_model), biases 0, layer norms 1. Same seed, same weights.
    """
    model = _empty(config)
    generator = torch.Generator().manual_seed(seeds.derive(seed, "weights"))
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            leaf = name.rsplit(".", 1)[-1]
            if leaf.startswith("W_"):
                weight.normal_(0.0, 0.8 / config.d_model**0.5, generator=generator)
            else:
                weight.fill_(1.0 if leaf == "w" else 0.0)
    return model.to(device, print_details=False)


def save(model: HookedTransformer, folder: str | Path) -> None:
    """Write `model.safetensors` and `config.json` into `folder`, each whole or not at all."""
    folder = Path(folder)
    storage.write_tensors_atomically(folder / WEIGHTS, weights_of(model))
    storage.write_text_atomically(folder / CONFIG, config_text(model))


def config_text(model: HookedTransformer) -> str:
    """What `config.json` says of a model."""
    return json.dumps(recipes.to_dict(model.maze_config), indent=2) + "\n"


def load(given: str | Path, *, device: str = "cpu") -> HookedTransformer:
    """The model in a folder (its own, or a training run's, whose final model lies in `model/`), or the zoo's by name.

    Raises ValueError that names the file for a missing, truncated, damaged or foreign one, and for weights that do not
    fit; for a name that the zoo lacks, with the nearest. A folder's manifest, if it has one, must hold.
    """
    folder = locate(given)
    if not (folder / CONFIG).exists() and (folder / "model" / CONFIG).exists():
        folder = folder / "model"
    if not (folder / CONFIG).exists():
        raise ValueError(f"no model in {folder}: it has no {CONFIG}")
    if (folder / manifest.MANIFEST).exists():
        manifest.verify(folder, (CONFIG, WEIGHTS))
    try:
        data = json.loads((folder / CONFIG).read_text())
    except ValueError:
        raise ValueError(f"{folder / CONFIG} is not JSON") from None
    if not isinstance(data, dict):
        raise ValueError(f"{folder / CONFIG} is not a JSON object")
    if not (folder / WEIGHTS).exists():
        raise ValueError(f"no model in {folder}: it has no {WEIGHTS}")
    return from_weights(recipes.from_dict(ModelConfig, data, folder / CONFIG), folder / WEIGHTS, device=device)


def from_weights(config: ModelConfig, path: str | Path, *, device: str = "cpu") -> HookedTransformer:
    """A model of the given shape with the weights in a safetensors file (a model's, or a checkpoint's).

    Raises ValueError that names the file and the first tensor that is missing, surplus or of another shape.
    """
    tensors, _ = storage.read_tensors(path)
    model = _empty(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name not in tensors:
                raise ValueError(f"{path} is not a model of this shape: it lacks {name}")
            if tensors[name].shape != tuple(weight.shape):
                expected = tuple(weight.shape)
                raise ValueError(
                    f"{path} does not fit: {name} is {tensors[name].shape} there and {expected} in a model with "
                    f"a {config.rows} x {config.cols} vocabulary, {config.layers} layers and d_model {config.d_model}"
                )
            weight.copy_(torch.from_numpy(tensors[name].copy()))
    surplus = [name for name in tensors if name.split(".")[0] in PARTS and name not in weights_of(model)]
    if surplus:
        raise ValueError(f"{path} is not a model of this shape: it has {surplus[0]}, which this model lacks")
    return model.to(device, print_details=False)


def weights_of(model: HookedTransformer) -> dict[str, Tensor]:
    """The trainable tensors by transformer_lens name; buffers (causal mask, rotary tables) are not weights."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


def fingerprint(model: HookedTransformer) -> str:
    """A hash of a model's weights: what was fitted to one model is told from what was fitted to another."""
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in sorted(weights_of(model).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weight.cpu().numpy()).tobytes())
    return digest.hexdigest()


def fold(model: HookedTransformer) -> HookedTransformer:
    """A copy with layer norms folded in and weights centred, as transformer_lens' `from_pretrained` does by default.

    Its logits differ from the original's by one constant per position; its layer norms have no weights of their own.
    """
    folded = copy.deepcopy(model)
    folded.load_and_process_state_dict(
        folded.state_dict(), fold_ln=True, center_writing_weights=True, center_unembed=True, fold_value_biases=True
    )
    return folded


def encoder(
    *, layers: int, d_model: int, heads: int, d_mlp: int, context: int, vocab: int, weights: Mapping[str, Tensor]
) -> HookedTransformer:
    """A HookedTransformer that sees in both directions and speaks no language of mazes, with these weights (copied).

    Its neurons are rectified.
    """
    shape = {"n_layers": layers, "d_model": d_model, "n_heads": heads, "d_mlp": d_mlp, "n_ctx": context}
    model = _shaped(**shape, d_head=d_model // heads, d_vocab=vocab, act_fn="relu", attention_dir="bidirectional")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weights[name])
    return model


def _empty(config: ModelConfig) -> HookedTransformer:
    model = _shaped(
        act_fn="gelu",
        n_layers=config.layers,
        d_model=config.d_model,
        n_heads=config.heads,
        d_head=config.d_head,
        d_mlp=config.hidden,
        n_ctx=config.longest,
        d_vocab=config.tokenizer.vocabulary.size,
        positional_embedding_type="standard" if config.positions == "learned" else "rotary",
        rotary_dim=config.d_head if config.positions == "rotary" else None,
    )
    model.maze_config, model.maze_tokenizer = config, config.tokenizer
    return model


def _shaped(**shape: Any) -> HookedTransformer:
    """A HookedTransformer whose weights are not set."""
    hooked = HookedTransformerConfig(normalization_type="LN", init_weights=False, device="cpu", **shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.9 announces the removal of HookedTransformer each time one is built
        return HookedTransformer(hooked, move_to_device=False)
