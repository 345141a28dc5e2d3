"""Sequences of one scheme in another: read with one tokenizer, written with the other."""

from maze_interp.tokens.tokenizer import Tokenizer


def convert(
    texts: str | list[str],
    source: Tokenizer,
    target: Tokenizer,
    *,
    rows: int | None = None,
    cols: int | None = None,
    seed: int = 0,
) -> list[str]:
    """What `source` wrote, as `target` writes it; prompts stay prompts.

    Where both list the same edges and `target` is free to choose their order, the edges keep their order and
    direction; otherwise sequence i's are drawn from (seed, i). The lattice is as in `Tokenizer.parse`. Raises
    ValueError for what `source` cannot read and for what `target` cannot write, a missing goal among it.
    """
    mazes, paths = source.parse(texts, rows, cols)
    one, other = source.choices, target.choices
    if one.edges == other.edges and other.order == "random":
        return target.text(target.encode(mazes, paths, edge_order=source.edge_order(texts, rows, cols)))
    return target.text(target.encode(mazes, paths, seed=seed))
