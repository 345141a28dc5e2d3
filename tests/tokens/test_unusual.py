"""Unusual prompts say what they are asked to, in the words of the tokenizer, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from maze_interp import mazes
from maze_interp.mazes import World
from maze_interp.tokens import SCHEMES, Tokenizer, unusual

every_scheme = pytest.mark.parametrize("name", SCHEMES)
DRAWN = mazes.draw(World("percolation", 3, 4, {"p": 0.6}, filters={"edge_count": (4, 13)}), 12, seed=1)


def words(tokenizer, prompts):
    return tokenizer.text(prompts)


@every_scheme
def test_its_own_choices_give_its_own_prompts(name):
    tokenizer = Tokenizer(name, 4, 5)
    own, same = tokenizer.encode_prompts(DRAWN, seed=3), unusual.reworded(tokenizer, SCHEMES[name], DRAWN, seed=3)
    for field in ("ids", "part", "cell", "graded", "length"):
        assert np.array_equal(getattr(own, field), getattr(same, field))


@every_scheme
def test_another_schemes_prompt_is_what_that_scheme_writes_or_names_the_word_that_is_missing(name):
    tokenizer, other = Tokenizer("passages_and_walls", 4, 5), Tokenizer(name, 4, 5)
    if SCHEMES[name].spelled:
        with pytest.raises(ValueError, match=r"the model's vocabulary has no token '(\(|\d)'"):
            unusual.reworded(tokenizer, SCHEMES[name], DRAWN, seed=3)
        return
    said = unusual.reworded(tokenizer, SCHEMES[name], DRAWN, seed=3)
    assert tokenizer.text(said) == other.text(other.encode_prompts(DRAWN, seed=3))


def test_a_word_that_no_maze_of_the_batch_needs_is_not_missed():
    tokenizer = Tokenizer("adjacency_list", 4, 5)
    walls = replace(tokenizer.choices, edges="both")
    with pytest.raises(ValueError, match="has no token '<XX>'"):
        unusual.reworded(tokenizer, walls, DRAWN, seed=3)
    everywhere = mazes.MazeBatch(mazes.generate("open_field", 1, 3, 3, seed=0), np.array([0]), np.array([4]))
    assert "<-->" in tokenizer.text(unusual.reworded(tokenizer, walls, everywhere, seed=3))[0]


@every_scheme
def test_edges_said_again_stand_where_they_were_asked_to(name):
    tokenizer = Tokenizer(name, 4, 5)
    prompts, width = tokenizer.encode_prompts(DRAWN, seed=3), unusual.edge_tokens(SCHEMES[name])
    edges = unusual.edges_said(tokenizer, prompts)
    which = np.stack([np.zeros(12, int), edges - 1, np.where(np.arange(12) < 6, 1, -1)], axis=1)
    slots = np.stack([edges, np.full(12, 2), np.full(12, 2)], axis=1)
    longer = unusual.say_again(tokenizer, prompts, which, slots)
    assert np.array_equal(longer.length, prompts.length + width * np.where(np.arange(12) < 6, 3, 2))
    for i, (own, text) in enumerate(zip(words(tokenizer, prompts), words(tokenizer, longer), strict=True)):
        own, text = own.split(), text.split()
        begin = own.index("<ADJLIST_START>") + 1
        end = own.index("<ADJLIST_END>")
        said = [own[k : k + width] for k in range(begin, end, width)]
        wanted = said[:2] + [said[-1]] + ([said[1]] if i < 6 else []) + said[2:] + [said[0]]
        assert text == own[:begin] + [word for edge in wanted for word in edge] + own[end:]
    assert np.array_equal(unusual.edges_said(tokenizer, longer), edges + np.where(np.arange(12) < 6, 3, 2))


@every_scheme
def test_a_passage_between_any_two_cells_can_be_said(name):
    tokenizer = Tokenizer(name, 4, 5)
    prompts, ends = tokenizer.encode_prompts(DRAWN, seed=3), np.tile([[[0, 11]]], (12, 1, 1))
    if SCHEMES[name].edges == "walls":
        with pytest.raises(ValueError, match="lists walls"):
            unusual.say_also(tokenizer, prompts, DRAWN, ends, np.zeros((12, 1), int))
        return
    longer = unusual.say_also(tokenizer, prompts, DRAWN, ends, np.zeros((12, 1), int))
    one, other = {1: ("(0,0)", "(2,3)"), 2: ("0 0", "2 3")}.get(len(SCHEMES[name].spelling), ("( 0 , 0 )", "( 2 , 3 )"))
    edge = f"<ADJLIST_START> {one} {'<--> ' if SCHEMES[name].connector else ''}{other} ;"
    expected = [text.replace("<ADJLIST_START>", edge) for text in words(tokenizer, prompts)]
    assert words(tokenizer, longer) == expected
    assert np.array_equal(np.sort(longer.cell, axis=1)[:, -1], np.full(12, 11))
    assert (longer.graded.sum(axis=1) == 1).all()


def test_nothing_said_leaves_the_prompt_as_it_was():
    tokenizer = Tokenizer("adjacency_list", 4, 5)
    prompts = tokenizer.encode_prompts(DRAWN, seed=3)
    same = unusual.say_also(tokenizer, prompts, DRAWN, np.full((12, 1, 2), -1), np.zeros((12, 1), int))
    assert np.array_equal(same.ids, prompts.ids)
    assert np.array_equal(same.part, prompts.part)


@every_scheme
def test_a_prompt_with_its_path_is_the_whole_sequence_however_long_the_prompt(name):
    tokenizer, trees = Tokenizer(name, 4, 5), mazes.draw(World("wilson", 3, 4), 12, seed=1)
    whole, prompts = tokenizer.encode(trees, mazes.solve(trees), seed=3), tokenizer.encode_prompts(trees, seed=3)
    joined = unusual.answered(prompts, whole)
    for field in ("ids", "part", "cell", "graded", "length"):
        assert np.array_equal(getattr(joined, field), getattr(whole, field))
    longer = unusual.say_again(tokenizer, prompts, np.arange(12)[:, None] % 4 - 1, np.zeros((12, 1), int))
    said = tokenizer.text(unusual.answered(longer, whole))
    for own, prompt, text in zip(tokenizer.text(whole), tokenizer.text(longer), said, strict=True):
        assert text == prompt + own[own.index(" <PATH_START>") + len(" <PATH_START>") :]
    with pytest.raises(ValueError, match="12 prompts cannot have the paths of 3"):
        unusual.answered(prompts, whole[:3])
