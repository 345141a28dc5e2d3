"""Named places in the network, so that no caller spells a hook name.

A site is a kind, a layer and, where heads are apart, a head: `Site("z", 3, head=1)` is what head 1 of layer 3 mixes
from the values it attends to. `Site("resid_post", 5)` is the residual stream after the last of six layers.
"""

from dataclasses import dataclass

from maze_interp import recipes

PER_HEAD = {
    "q": "blocks.{layer}.attn.hook_q",
    "k": "blocks.{layer}.attn.hook_k",
    "v": "blocks.{layer}.attn.hook_v",
    "z": "blocks.{layer}.attn.hook_z",
    "pattern": "blocks.{layer}.attn.hook_pattern",
    "scores": "blocks.{layer}.attn.hook_attn_scores",
}
WHOLE = {
    "embed": "hook_embed",
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_mid": "blocks.{layer}.hook_resid_mid",
    "resid_post": "blocks.{layer}.hook_resid_post",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "mlp_post": "blocks.{layer}.mlp.hook_post",
}
KINDS = {**WHOLE, **PER_HEAD}
ON_HEAD_AXIS_1 = (
    "pattern",
    "scores",
)  # [maze, head, query, key]; the other per-head kinds are [maze, position, head, d]


@dataclass(frozen=True)
class Site:
    """A place in the network. `head=None` at a per-head kind means all heads. Raises ValueError for an unknown kind."""

    kind: str
    layer: int = 0
    head: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise recipes.unknown("kind of site", self.kind, KINDS)
        if self.head is not None and self.kind not in PER_HEAD:
            raise ValueError(f"{self.kind} has no heads; kinds that do: {', '.join(PER_HEAD)}")

    @property
    def hook_name(self) -> str:
        """The transformer_lens hook this site is read from and written to."""
        return KINDS[self.kind].format(layer=self.layer)

    @property
    def head_axis(self) -> int:
        return 1 if self.kind in ON_HEAD_AXIS_1 else 2

    def check(self, layers: int, heads: int) -> None:
        """Raise ValueError unless a model with so many layers and heads has this site."""
        if not 0 <= self.layer < layers:
            raise ValueError(f"{self} does not exist: the model has layers 0..{layers - 1}")
        if self.head is not None and not 0 <= self.head < heads:
            raise ValueError(f"{self} does not exist: the model has heads 0..{heads - 1}")
