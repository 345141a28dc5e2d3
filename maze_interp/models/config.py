"""What a maze transformer is made of, as a recipe that fits on a card.

The language is part of the model: a network is useless without the vocabulary it was trained on, so scheme, lattice
and cell order stand beside layers and heads, and a model loaded from disk always knows its own tokenizer.
"""

from dataclasses import dataclass

from maze_interp import recipes
from maze_interp.tokens import Tokenizer

POSITIONS = ("learned", "rotary")


@dataclass(frozen=True)
class ModelConfig:
    """A decoder-only transformer with layer norm and MLPs, and the language it reads.

    `context` is the longest sequence in tokens; 0 means the longest that any maze of the vocabulary's lattice can
    give. `d_mlp` 0 means 4 * d_model. Raises ValueError for sizes that do not fit each other and for unknown names.
    """

    layers: int = 6
    d_model: int = 128
    heads: int = 4
    d_mlp: int = 0
    context: int = 0
    positions: str = "rotary"
    rows: int = 6
    cols: int = 6
    scheme: str = "adjacency_list"
    order: str = "row_by_row"

    def __post_init__(self) -> None:
        for name in ("layers", "d_model", "heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.d_model % self.heads:
            raise ValueError(f"d_model {self.d_model} is not a multiple of heads {self.heads}")
        if self.positions not in POSITIONS:
            raise recipes.unknown("positions", self.positions, POSITIONS)
        if self.positions == "rotary" and self.d_head % 2:
            raise ValueError(f"rotary positions turn pairs of numbers: d_head {self.d_head} must be even")
        if min(self.d_mlp, self.context) < 0:
            raise ValueError(f"d_mlp and context cannot be negative: {self.d_mlp}, {self.context}")
        Tokenizer(self.scheme, self.rows, self.cols, self.order)

    @property
    def d_head(self) -> int:
        return self.d_model // self.heads

    @property
    def hidden(self) -> int:
        """The width of the MLPs."""
        return self.d_mlp or 4 * self.d_model

    @property
    def tokenizer(self) -> Tokenizer:
        """The language this model reads and writes."""
        return Tokenizer(self.scheme, self.rows, self.cols, self.order)

    @property
    def longest(self) -> int:
        """The longest sequence the model can take, in tokens."""
        return self.context or self.tokenizer.max_length()

    @property
    def parameters(self) -> int:
        """How many weights it has: embeddings, per layer attention, MLP and two layer norms, the last one, logits."""
        d, words = self.d_model, self.tokenizer.vocabulary.size
        attention, mlp, norms = 4 * d * d + 4 * d, 2 * d * self.hidden + self.hidden + d, 4 * d
        positions = self.longest * d if self.positions == "learned" else 0
        return words * d + positions + self.layers * (attention + mlp + norms) + 2 * d + d * words + words
