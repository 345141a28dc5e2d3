"""Models whose weights are set by hand, so that what carries the answer is known.

The residual stream holds one-hot parts: the position, the token, and room for what heads write. Heads look at one
position wherever they stand and write what its token says. All is for trees of 3 x 3, whose prompts are of one length.
"""

import numpy as np
import torch

from maze_interp import mazes, models, patching
from maze_interp.mazes import World
from maze_interp.models import HookedTransformer, ModelConfig
from maze_interp.patching import PromptPairs

WIDTH, HEADS, SURE = 288, 3, 40.0
GOAL_AT = 1 + 4 * 8 + 5  # of a tree with 8 edges
COPIES = 1  # the head of `copier` that does


def silent(layers: int = 1) -> tuple[HookedTransformer, slice, slice]:
    """A model that writes nothing and says the token it reads, where its stream holds that token, and free room.

    Before the first layer what is not hot is 0 behind the layer norm; every key names its position.
    """
    config = ModelConfig(layers=layers, d_model=WIDTH, heads=HEADS, rows=3, cols=3, positions="learned")
    model = models.build(config, seed=0)
    context, vocab = config.longest, config.tokenizer.vocabulary.size
    word, room = slice(context, context + vocab), slice(context + vocab, context + 2 * vocab)
    spread = (2 / WIDTH - (2 / WIDTH) ** 2) ** 0.5
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.pos_embed.W_pos[:, :context] = torch.eye(context)
        model.embed.W_E[:, word] = torch.eye(vocab)
        model.unembed.W_U[word] = torch.eye(vocab)
        model.ln_final.w.fill_(1.0)
        for block in model.blocks:
            block.ln1.w.fill_(1.0)
            block.ln1.b.fill_(2 / WIDTH / spread)
            block.attn.W_K[:, :context, :context] = torch.eye(context)
    return model, word, room


def copy(model: HookedTransformer, layer: int, head: int, source: slice, into: slice) -> None:
    """Let a head write what it finds in one part of the stream into another."""
    attn, size = model.blocks[layer].attn, source.stop - source.start
    with torch.no_grad():
        attn.W_V[head, source, :size] = torch.eye(size)
        attn.W_O[head, :size, into] = torch.eye(size)


def copier() -> HookedTransformer:
    """One layer: head 1 looks at the goal wherever it stands and copies it; the others write nothing."""
    model, word, _ = silent()
    with torch.no_grad():
        for head, at in ((0, 5), (COPIES, GOAL_AT), (2, 2)):
            model.blocks[0].attn.b_Q[head, at] = SURE
    copy(model, 0, COPIES, word, word)
    return model


def relay() -> HookedTransformer:
    """Two layers: head 0 copies the goal to <TARGET_END>, behind it; then head 1 copies what is there to the output.

    Elsewhere the first looks at <ADJLIST_START>, and what is no cell says nothing.
    """
    model, word, room = silent(2)
    copy(model, 0, 0, word, room)
    copy(model, 1, 1, room, word)
    with torch.no_grad():
        first, second = (block.attn for block in model.blocks)
        first.b_Q[0, 0] = SURE
        first.W_Q[0, GOAL_AT + 1, GOAL_AT] = SURE
        first.W_V[0, word.start : word.start + 11] = 0.0  # the words that name no cell
        second.b_Q[1, GOAL_AT + 1] = SURE
    return model


def goals_beside_forks(count: int = 12) -> PromptPairs:
    """Pairs of mazes whose goals lie beside the fork: to copy the goal is to step there."""
    tokenizer = ModelConfig(rows=3, cols=3).tokenizer
    batch = mazes.draw(World("wilson", 3, 3), 200, seed=0)
    forks = mazes.decisions(batch, mazes.solve(batch))
    pairs = patching.FAMILIES["moved_goal"](batch, forks, tokenizer, seed=0)
    row = np.arange(len(pairs))
    beside = (pairs.clean.ids[row, GOAL_AT] == pairs.right) & (pairs.corrupted.ids[row, GOAL_AT] == pairs.wrong)
    assert beside.sum() >= count
    return pairs[np.flatnonzero(beside)[:count]]
