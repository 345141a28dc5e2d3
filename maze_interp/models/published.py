"""Published models: folders in the layout of the Hugging Face hub.

    config.json, model.safetensors          the model, as `save` writes it, its weights in float16 or float32
    README.md                               its card
    recipe.toml, metrics.jsonl, provenance.json, behaviour.json, checkpoints/step_*.safetensors
    manifest.json                           the SHA-256 of every file

Such a folder is a finished training run to look at, not one to go on with: it holds no optimiser's state.
"""

from pathlib import Path

from maze_interp import recipes, storage
from maze_interp.models.hooked import CONFIG, WEIGHTS, HookedTransformer, config_text, from_weights, weights_of

FORMATS = ("float16", "float32")


def save(model: HookedTransformer, folder: str | Path, format: str = "float16") -> None:
    """Write `model.safetensors`, in one of FORMATS, and `config.json` into `folder`."""
    storage.write_text_atomically(Path(folder) / CONFIG, config_text(model))
    save_weights(model, Path(folder) / WEIGHTS, format)


def save_weights(model: HookedTransformer, path: str | Path, format: str = "float16") -> None:
    """Write a model's weights alone, in one of FORMATS. Raises ValueError for weights that float16 cannot hold."""
    if format not in FORMATS:
        raise recipes.unknown("format of weights", format, FORMATS)
    weights = {name: weight.cpu().numpy() for name, weight in weights_of(model).items()}
    if format == "float16":
        most = max(float(abs(weight).max()) for weight in weights.values())
        if most > 65504:
            raise ValueError(f"float16 holds numbers to 65504, and a weight is {most:.6g}: publish it in float32")
        weights = {name: weight.astype("float16") for name, weight in weights.items()}
    storage.write_tensors_atomically(path, weights)


def as_stored(model: HookedTransformer, path: str | Path, format: str = "float16") -> HookedTransformer:
    """The model that is had back, computing in float32, from its weights stored at `path` in one of FORMATS."""
    save_weights(model, path, format)
    return from_weights(model.maze_config, path)
