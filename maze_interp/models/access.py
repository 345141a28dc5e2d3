"""The one causal primitive: run the model, change what passes some sites, and read what passes others.

Patching, ablating, holding and steering are all `run(model, ids, edits={site: change}, read=[sites])`. An edit is a
function from the tensor at the site to its replacement. Reads see the edited value. An edit that never fires is an
error, one that changes nothing is counted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from maze_interp.models.hooked import HookedTransformer
from maze_interp.models.sites import Site

Edit = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Reading:
    """What one run gave: logits, the value at each site asked for, and how many edits left their site as it was."""

    logits: Float[Tensor, "maze position vocab"]
    values: dict[Site, Tensor]
    unchanged: int


def run(
    model: HookedTransformer,
    ids: Int[Tensor, "maze position"],
    *,
    edits: Mapping[Site, Edit] | None = None,
    read: Iterable[Site] = (),
) -> Reading:
    """Run `model` on token ids with `edits` in place and return the values at the `read` sites.

    Shapes: [maze, position, d_model] at whole sites; per-head sites [maze, position, head, d_head], patterns [maze,
    head, query, key], without the head axis where the site names a head. Gradients are kept if they are enabled.
    Raises ValueError for a site the model lacks and for an edit that returns another shape.
    """
    edits, read = dict(edits or {}), list(read)
    for site in [*edits, *read]:
        site.check(model.cfg.n_layers, model.cfg.n_heads)
    values: dict[Site, Tensor] = {}
    fired: dict[Site, bool] = {}

    def at(name: str) -> Callable[..., Tensor]:
        def hook(value: Tensor, **_: object) -> Tensor:
            for site, change in edits.items():
                if site.hook_name == name:
                    edited = _edited(value, site, change)
                    fired[site] = not torch.equal(edited, value)
                    value = edited
            values.update({site: _part(value, site) for site in read if site.hook_name == name})
            return value

        return hook

    names = dict.fromkeys(site.hook_name for site in [*edits, *read])
    logits = model.run_with_hooks(ids, fwd_hooks=[(name, at(name)) for name in names])
    silent = [site for site in [*edits] if site not in fired] + [site for site in read if site not in values]
    if silent:
        raise ValueError(f"{silent[0]} never fired: this model does not compute {silent[0].hook_name}")
    return Reading(logits, values, sum(not changed for changed in fired.values()))


def _part(value: Tensor, site: Site) -> Tensor:
    return value if site.head is None else value.select(site.head_axis, site.head)


def _edited(value: Tensor, site: Site, change: Edit) -> Tensor:
    part = _part(value, site)
    new = change(part.clone())  # an edit that writes into its argument must not be taken for one that changes nothing
    if new.shape != part.shape:
        raise ValueError(f"the edit at {site} returned shape {tuple(new.shape)} for {tuple(part.shape)}")
    if site.head is None:
        return new
    index = torch.tensor([site.head], device=value.device)
    return value.index_copy(site.head_axis, index, new.unsqueeze(site.head_axis).to(value.dtype))
