"""Models: HookedTransformers that know their own language, a fast pass over the same weights, and access to both."""

from maze_interp.models import access, fused, manifest, published
from maze_interp.models.access import Reading
from maze_interp.models.carried import carry_over
from maze_interp.models.config import ModelConfig
from maze_interp.models.hooked import (
    HookedTransformer,
    build,
    encoder,
    fingerprint,
    fold,
    from_weights,
    load,
    save,
    weights_of,
)
from maze_interp.models.hub import push
from maze_interp.models.imported import Imported, import_zanj
from maze_interp.models.named import kept_at, locate, names
from maze_interp.models.rollouts import decode, forced_logits, rollout
from maze_interp.models.sites import Site

__all__ = [
    "HookedTransformer",
    "Imported",
    "ModelConfig",
    "Reading",
    "Site",
    "access",
    "build",
    "carry_over",
    "decode",
    "encoder",
    "fingerprint",
    "fold",
    "forced_logits",
    "from_weights",
    "fused",
    "import_zanj",
    "kept_at",
    "load",
    "locate",
    "manifest",
    "names",
    "published",
    "push",
    "rollout",
    "save",
    "weights_of",
]
