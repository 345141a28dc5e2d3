"""How walks end with what an activation was on other mazes: against one hooked walk at a time, and known answers."""

import numpy as np
import pytest
import torch

from maze_interp import mazes, optimisation
from maze_interp.mazes import END, World
from maze_interp.models import Site
from maze_interp.optimisation import activations, populations
from tests import tiny


@pytest.fixture(scope="module", params=[0, 1])
def known(request):
    """A model that walks in all ways and a population, asked at the first or the second cell."""
    model = tiny.talkative(1, rows=3, cols=3)
    some = populations.population(
        "any_fork", mazes.draw(World("wilson", 3, 3), 120, seed=5), model.maze_tokenizer, count=12, seed=0,
        before=request.param,
    )  # fmt: skip
    return model, some, *activations.recorded(model, some)


def walked(model, some, site, positions, donor, maze):
    """The path that a model writes token by token, each time read anew with the site held at the prompt's positions."""
    ids = torch.from_numpy(some.tokens.ids).long()
    _, cache = model.run_with_cache(ids, names_filter=site.hook_name)

    def write(value, hook):
        part = (slice(None), positions) if site.head is None else (slice(None), positions, site.head)
        value[part] = cache[site.hook_name][donor][part[1:]]
        return value

    row = ids[[maze]]
    for _ in range(model.maze_tokenizer.longest_path(3, 3)):
        if row.shape[1] > model.cfg.n_ctx:
            break
        with torch.no_grad():
            token = model.run_with_hooks(row, fwd_hooks=[(site.hook_name, write)])[0, -1].argmax()
        row = torch.cat([row, token[None, None]], dim=1)
    first = int((some.tokens.ids[0] == populations.PATH_START).argmax()) + 1
    return model.maze_tokenizer.paths(row[:, first:].numpy().astype(np.int32), some.mazes[maze : maze + 1])


@pytest.mark.parametrize(
    ("site", "place"),
    [(Site("resid_pre", 1), "goal"), (Site("z", 0, head=1), "here"), (Site("mlp_out", 0), "edge list")],
)
def test_it_is_what_hooked_walks_come_to(known, site, place):
    model, some, w, kept = known
    positions = list(some.places[place])
    out = optimisation.endings(w, kept, some, site, positions)
    assert (out.sum(axis=-1) == 1).all()
    for donor, maze in [(0, 0), (0, 3), (5, 2), (7, 1)]:
        walk, one = walked(model, some, site, positions, donor, maze), some.mazes[maze : maze + 1]
        valid, arrives = mazes.paths.valid(one, walk)[0], mazes.paths.ends_at_goal(one, walk)[0]
        expected = (
            "illegal" if not valid
            else "shortest" if mazes.paths.optimal(one, walk)[0]
            else "arrives" if arrives and walk.ended[0] == END
            else "lost"
        )  # fmt: skip
        assert optimisation.ENDINGS[int(out[donor, maze].argmax())] == expected


def test_the_diagonal_is_the_network_as_it_is(known):
    _, some, w, kept = known
    found = [
        optimisation.endings(w, kept, some, site, some.places["here"])
        for site in (Site("z", 1, head=0), Site("resid_pre", 0), Site("resid_post", 1))
    ]
    own = [out[np.arange(len(some)), np.arange(len(some))] for out in found]
    np.testing.assert_array_equal(own[0], own[1])
    np.testing.assert_array_equal(own[0], own[2])
    assert len(np.unique(np.argmax(found[1], axis=-1))) > 1


def test_what_changes_nothing_has_neither_optimisation_nor_impact(known):
    """The end of the stream where no later token looks: the last layer's output at an earlier word."""
    _, some, w, kept = known
    out = optimisation.endings(w, kept, some, Site("resid_post", 1), some.places["goal"])
    found = optimisation.split_history(out)
    assert found.plug_in["op"] == pytest.approx(0.0, abs=1e-12)
    assert found.plug_in["imp"] == pytest.approx(0.0, abs=1e-12)
