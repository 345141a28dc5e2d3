"""Activation patching at many places at once: part of one run put into another, everywhere, and the effect at the fork.

A sweep patches one kind of site, at every layer (and head), once for each of a list of places. A place says of each
pair which of its positions are patched: a single position, or all that mean the same. Patches of one layer go through
the rest of the network together, from the first position that changes; places where the two runs do not differ change
nothing and cost nothing. Memory stays under `memory` whatever the size of the sweep.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from maze_interp import recipes
from maze_interp.models import HookedTransformer, Site, fused, reruns
from maze_interp.models.sites import PER_HEAD
from maze_interp.patching.changes import CHANGES, Swap, changed, depth_of, value_at
from maze_interp.patching.effects import EFFECTS, Choice
from maze_interp.patching.meanings import MEANINGS
from maze_interp.patching.pairs import PromptPairs
from maze_interp.patching.stacked import MEMORY, Change, Progress, Runs, Sweep, ids_of, numpy, stacked

Places = Bool[np.ndarray, "place pair position"]
DIRECTIONS = ("denoise", "noise")
SCORES = 12  # bytes that a head's score, what it becomes and its share take


def everywhere(pairs: PromptPairs) -> Places:
    """Every position by itself, up to the last decision."""
    length = int(pairs.decision.max()) + 1
    one = np.eye(length, dtype=bool)[:, None, :]
    return one & (np.arange(length) <= pairs.decision[:, None])


def by_meaning(pairs: PromptPairs) -> Places:
    """All positions of one meaning together, in the order of MEANINGS."""
    length = int(pairs.decision.max()) + 1
    return pairs.meaning[None, :, :length] == np.arange(len(MEANINGS))[:, None, None]


def sweep(
    model: HookedTransformer,
    pairs: PromptPairs,
    kind: str,
    places: Places,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    effects: Sequence[str] = ("logit_difference",),
    direction: str = "denoise",
    batch: int = 8,
    memory: float = MEMORY,
    threads: int = 0,
    progress: Progress | None = None,
) -> Sweep:
    """Patch sites of one kind at each place.

    To "denoise" puts parts of the clean run into the corrupted one, to "noise" the other way round; `end` are the
    effects of the run that the parts came from. `progress` counts batches of pairs times sites. Raises ValueError for
    an unknown kind, effect or direction, a site that the model lacks, and places that do not fit the pairs.
    """
    sites = sites_of(model, kind, layers, heads)
    check_direction(direction)
    check(pairs, places, effects)

    def change(swap: Swap, site: Site, share: np.ndarray) -> Change:
        return patch(swap, site, places[:, share, : swap.into.stream[0].shape[1]])

    return stacked(
        model,
        pairs,
        sites,
        lambda w, share: two_runs(w, pairs[share], direction),
        change,
        direction=direction,
        effects=effects,
        batch=batch,
        memory=memory,
        threads=threads,
        progress=progress,
    )


def sites_of(
    model: HookedTransformer,
    kind: str,
    layers: Sequence[int] | None,
    heads: Sequence[int | None] | None,
    *,
    kinds: Iterable[str] = CHANGES,
) -> list[Site]:
    """Every site of a kind, by layer, then head; all layers and heads unless some are named.

    Raises ValueError for a kind that is not among `kinds` and for a site that the model lacks.
    """
    if kind not in kinds:
        raise recipes.unknown("kind of site to patch", kind, kinds)
    if heads is not None and kind not in PER_HEAD:
        raise ValueError(f"{kind} has no heads to choose from")
    each: Sequence[int | None] = [None]
    if kind in PER_HEAD:
        each = range(model.cfg.n_heads) if heads is None else heads
    through = range(model.cfg.n_layers) if layers is None else layers
    found = [Site(kind, layer, head) for layer in through for head in each]
    for site in found:
        site.check(model.cfg.n_layers, model.cfg.n_heads)
    return found


def check_direction(direction: str) -> None:
    """Raise ValueError unless this is one of DIRECTIONS."""
    if direction not in DIRECTIONS:
        raise recipes.unknown("direction", direction, DIRECTIONS)


def check(pairs: PromptPairs, places: Places, effects: Sequence[str] = ()) -> None:
    """Raise ValueError for an unknown effect, and unless the places are places in these pairs."""
    for name in effects:
        if name not in EFFECTS:
            raise recipes.unknown("effect", name, EFFECTS)
    length = int(pairs.decision.max()) + 1
    if places.shape[1:] != (len(pairs), length):
        raise ValueError(f"places are [place, {len(pairs)} pairs, {length} positions], not of shape {places.shape}")


def two_runs(w: fused.Weights, pairs: PromptPairs, direction: str) -> Runs:
    """The clean run put into the corrupted one, or the other way round."""
    clean, corrupted = (reruns.record(w, *ids_of(w, pairs, which)) for which in ("clean", "corrupted"))
    into, out_of = (corrupted, clean) if direction == "denoise" else (clean, corrupted)
    choice = Choice(pairs.right, pairs.wrong, numpy(clean.logits))
    return Runs(Swap(w, into, out_of), choice, numpy(into.logits), numpy(out_of.logits))


def patch(swap: Swap, site: Site, places: Places) -> Change:
    """The one run's site put into the other at each place."""
    touches = torch.from_numpy(places).to(swap.into.at.device) & _differs(swap, site)

    def stream(begin: int, which: Tensor) -> Tensor:
        return changed(swap, site, begin, touches[which, :, begin:])

    return Change(depth_of(site), touches, stream, SCORES * touches.shape[-1] * (site.kind in ("k", "v")))


def _differs(swap: Swap, site: Site) -> Bool[Tensor, "pair position"]:
    """Where the site differs in the two runs.

    A pattern differs wherever an earlier key does, so it is taken to from the first difference in its layer on.
    """
    if site.kind == "pattern":
        before = Site("resid_pre", site.layer)
        return (value_at(swap.into, before) != value_at(swap.out_of, before)).any(dim=-1).long().cumsum(dim=1) > 0
    return (value_at(swap.into, site) != value_at(swap.out_of, site)).any(dim=-1)
