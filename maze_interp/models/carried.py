"""Begin where another model ended: its weights carried over to a model of another vocabulary.

What joins passages and follows them hardly depends on how large the lattice is, so a model of small mazes is a good
first guess at one of larger mazes. Tokens are matched by name, `(2,3)` with `(2,3)`; tokens that the other model lacks,
and positions it never learned, begin as in an untrained model.
"""

import torch

from maze_interp.models.config import ModelConfig
from maze_interp.models.hooked import HookedTransformer, build

ALIKE = ("layers", "d_model", "heads", "hidden", "positions")


def carry_over(source: HookedTransformer, config: ModelConfig, *, seed: int) -> HookedTransformer:
    """A model of shape `config` with the weights of `source`, and those of `build(config, seed)` where it has none.

    Raises ValueError if the two differ in more than their vocabulary and context.
    """
    theirs = source.maze_config
    for name in ALIKE:
        if getattr(theirs, name) != getattr(config, name):
            raise ValueError(
                f"weights are carried over between models alike in {', '.join(ALIKE)}; {name} is "
                f"{getattr(theirs, name)} there and {getattr(config, name)} here"
            )
    model = build(config, seed=seed)
    found = {token: index for index, token in enumerate(theirs.tokenizer.vocabulary.tokens)}
    shared = [(here, found[token]) for here, token in enumerate(config.tokenizer.vocabulary.tokens) if token in found]
    here, there = (torch.tensor(column) for column in zip(*shared, strict=True))
    old = {name: weight.detach().cpu() for name, weight in source.named_parameters()}
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name == "embed.W_E":
                weight[here] = old[name][there]
            elif name in ("unembed.W_U", "unembed.b_U"):
                weight[..., here] = old[name][..., there]
            elif name == "pos_embed.W_pos":
                known = min(len(weight), len(old[name]))
                weight[:known] = old[name][:known]
            else:
                weight.copy_(old[name])
    return model
