"""Every experiment answers for any run: files, controls, and sentences that state the numbers they come from."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from maze_interp import experiments, figures, mazes, models, probing, recipes, steering, training
from maze_interp.experiments import attention, behaviour
from maze_interp.mazes import Mixture, World
from tests import tiny

EXPERIMENTS = {  # those that ask something of a training run
    name: module for name, module in experiments.EXPERIMENTS.items() if "run" in module.Settings.__dataclass_fields__
}
every_experiment = pytest.mark.parametrize("name", EXPERIMENTS)
SMALL = {  # settings that make it quick
    "behaviour": {"mazes": 20},
    "misgeneralisation": {"mazes": 40},
    "prompt_length": {"mazes": 20, "validation": 10},
    "replicate": {"given": {"mazes": "30"}},
    "factors": {"mazes": 20, "only": "row_by_row"},
    "read_maze": {"probe": probing.ProbeRecipe(targets=("passage", "goal"), mazes=80, unseen=40)},
    "name_heads": {"mazes": 10},
    "heads_needed": {"mazes": 20},
    "search_or_heuristic": {"mazes": 60},
    "embeddings": {"mazes": 20},
    "lens": {"mazes": 20, "learn": 40, "steps": 4},
    "shifts": {"mazes": 10, "only": "row_by_row, goal_cut_off"},
    "locate_optimisation": {"mazes": 8, "small": 8, "pairs": 4, "walkers": 12},
    "emergence": {"mazes": 30, "learn": 80},
    "wavefront": {"mazes": 80, "unseen": 80},
    "scrub": {"mazes": 30, "donors": 300},
    "find_circuit": {"mazes": 40, "pairs": 20, "nearest": 1, "draws": 2, "keep": 0.5},
    "steer_passages": {
        "mazes": 30,
        "learn": 30,
        "methods": ("means", "topk"),
        "strengths": (1.0,),
        "place": "separator",
        "autoencoder": steering.AutoencoderRecipe(features=8, active=2, steps=10, batch=32),
    },
    "retarget": {"mazes": 12, "learn": 4, "strengths": (1.0,)},
    "trace_decision": {"mazes": 40, "pairs": 40, "nearest": 1, "steps": 1, "ablated": 6},
}
MAZES = 60


@pytest.fixture(scope="module")
def found(trained):
    return behaviour.run(behaviour.Settings(run=str(trained.folder), mazes=MAZES))


@pytest.fixture(scope="module")
def ignorant(tmp_path_factory):
    """A run that took one step of hardly any length: nothing was learned."""
    recipe = replace(tiny.QUICK, steps=1, optimiser=training.Optimiser(learning_rate=1e-9))
    return training.train(recipe, tmp_path_factory.mktemp("ignorant") / "run")


@pytest.fixture(scope="module")
def asked(trained, tmp_path_factory):
    """Each experiment's settings and what it found the first time it was asked for."""

    @functools.cache
    def once(name):
        runs = str(trained.folder)
        if name == "factors":  # asks of several runs what they differ in
            short = training.train(replace(tiny.LEARNS, steps=1), tmp_path_factory.mktemp("short") / "run")
            runs += f",{short.folder}"
        settings = EXPERIMENTS[name].Settings(run=runs, seed=3, **SMALL.get(name, {}))
        return settings, EXPERIMENTS[name].run(settings)

    return once


@every_experiment
def test_it_says_what_it_asks_and_repeats_itself_exactly(name, asked):
    module = EXPERIMENTS[name]
    assert (module.__doc__ or "").splitlines()[0].endswith(("?", "."))
    settings, one = asked(name)
    two = module.run(settings)
    assert one.sentences == two.sentences
    assert json.dumps(dict(one.numbers)) == json.dumps(dict(two.numbers))
    records = [{key: figures.to_record(drawn) for key, drawn in found.figures.items()} for found in (one, two)]
    assert records[0] == records[1]


@every_experiment
def test_it_needs_a_finished_run(name, tmp_path):
    module = EXPERIMENTS[name]
    with pytest.raises(ValueError, match="which run"):
        module.run(module.Settings())
    with pytest.raises(ValueError, match=r"nowhere holds no training run"):
        module.run(module.Settings(run=str(tmp_path / "nowhere")))


@every_experiment
def test_what_it_finds_is_written_for_others(name, asked, tmp_path):
    settings, findings = asked(name)
    folder = experiments.write(findings, tmp_path / name, settings)
    assert recipes.load(type(settings), folder / "settings.toml") == settings
    assert json.loads((folder / "numbers.json").read_text())
    assert list((folder / "figures").glob("*.html"))
    assert experiments.read(folder).sentences


@pytest.mark.parametrize("sides", [(2, 3, 4), (3, 4, 2)])
def test_each_world_of_a_mixture_is_walked_by_itself(tmp_path, sides):
    """On the lattice of the mixture: mazes of either size, half as many of each, and a walker at random beside."""
    worlds = {f"{side} a side": World("wilson", rows=side, cols=side) for side in sides}  # of two none is for tests
    mixed = Mixture(worlds, {"2 a side": 0.2, "3 a side": 0.4, "4 a side": 0.4}, 4, 4, place="random")
    recipe = replace(tiny.QUICK, steps=1, world=mixed, model=replace(tiny.SHAPE, rows=4, cols=4))
    run = training.train(recipe, tmp_path / "mixed")
    seen = []
    told = behaviour.run(behaviour.Settings(run=str(run.folder), mazes=30), lambda *given: seen.append(given))
    exact = [row for row in told.tables["worlds"] if row.measure == "exact"]
    assert [(row.what["world"], row.what["walker"], row.n) for row in exact] == [
        (world, walker, 10) for world in ("3 a side", "4 a side") for walker in ("trained", "random walk")
    ]
    assert told.numbers["exact, 3 a side"] == exact[0].value
    assert "By world of the mixture, walked exactly: 3 a side " in told.sentences[-1]
    assert seen[-1] == (20, 20)
    assert list(told.figures)[-1] == "worlds"


def test_behaviour_measures_the_model_beside_its_controls(found):
    assert set(found.tables) == {"rollouts", "published_tasks", "teacher_forced"}
    exact = {row.what["walker"]: row for row in found.tables["rollouts"] if row.measure == "exact"}
    assert set(exact) == {"trained", "untrained", "random walk"}
    assert exact["trained"].value > 0.3
    assert exact["trained"].low > exact["untrained"].high
    assert found.numbers["exact"] == exact["trained"].value
    assert found.numbers["untrained_exact"] == exact["untrained"].value < 0.05
    assert all(row.n <= MAZES for rows in found.tables.values() for row in rows if row.what.get("walker"))
    assert {"metrics", "solved", "failed"} == set(found.figures)


def test_no_test_maze_was_seen_in_training(found, trained):
    assert found.numbers["test_mazes_seen_in_training"] == 0
    assert found.numbers["test_mazes"] == MAZES
    assert 5 < found.numbers["test_mazes_distinct"] <= 192
    assert found.numbers["training_mazes_read"] == 256 * 8
    assert 50 < found.numbers["training_mazes_distinct"] <= 192
    held_out = behaviour.held_out_mazes(trained, 50, seed=0, min_length=5)
    assert (mazes.split_of(mazes.passage_hash(held_out.passages)) == mazes.TEST).all()
    assert (mazes.solve(held_out).length >= 5).all()


def test_the_leak_is_counted_where_there_is_one(trained, monkeypatch):
    """A negative control for the count above: test mazes taken from the training stream are found out."""
    plain = mazes.take
    monkeypatch.setattr(mazes, "take", lambda *given, **more: plain(*given, **(more | {"split": mazes.TRAIN})))
    leaky = behaviour.run(behaviour.Settings(run=str(trained.folder), mazes=20))
    assert leaky.numbers["test_mazes_seen_in_training"] >= 15
    assert "; 20 of the test mazes" in leaky.sentences[1] or "; 1" in leaky.sentences[1]


def test_the_sentences_state_the_numbers(found, ignorant):
    exact = found.numbers["exact"]
    assert f"Of {MAZES} test mazes the model walks {exact:.1%} exactly" in found.sentences[0]
    assert (
        f"it read {256 * 8:,} mazes, {found.numbers['training_mazes_distinct']:,} of them distinct"
        in found.sentences[1]
    )
    assert f"; 0 of the {found.numbers['test_mazes_distinct']:,} distinct test mazes" in found.sentences[1]
    assert f"{exact:.1%} of unseen mazes are walked exactly" in figures.plain(
        found.figures["metrics"].layout.title.text
    )
    other = behaviour.run(behaviour.Settings(run=str(ignorant.folder), mazes=20))
    assert "Of 20 test mazes the model walks 0.0% exactly" in other.sentences[0]
    assert f"it read {other.numbers['training_mazes_read']} mazes" in other.sentences[1]
    assert set(other.figures) == {"metrics", "failed"}  # where nothing is solved no gallery of solved mazes is shown


def test_an_untrained_model_is_as_good_as_its_control(ignorant):
    rollouts = behaviour.run(behaviour.Settings(run=str(ignorant.folder), mazes=20)).tables["rollouts"]
    by_walker = [{r.measure: r.value for r in rollouts if r.what["walker"] == who} for who in ("trained", "untrained")]
    assert np.array_equal(*[list(shares.values()) for shares in by_walker], equal_nan=True)


def test_progress_counts_the_mazes(trained):
    said = []
    behaviour.run(behaviour.Settings(run=str(trained.folder), mazes=20), lambda *given: said.append(given))
    assert said[-1] == (20, 20)


def test_attention_shows_what_transformer_lens_computes(trained, monkeypatch):
    given = []
    plain = figures.attention_on_maze
    monkeypatch.setattr(
        figures, "attention_on_maze", lambda *values, **more: given.append(values) or plain(*values, **more)
    )
    found = attention.run(attention.Settings(run=str(trained.folder)))
    ((maze, index, tokens, pattern, query),) = given
    model = trained.model()
    _, cache = model.run_with_cache(torch.from_numpy(tokens.ids).long())
    assert pattern.shape[:2] == (2, 2)
    for layer in range(2):
        assert np.allclose(pattern[layer], cache["pattern", layer][0].detach().numpy(), atol=1e-6)
    assert tokens.cell[0, query] >= 0
    assert tokens.graded[0, query]
    assert set(found.figures) == {"heads", "tokens"}
    assert "CircuitsVis" in found.figures["tokens"].markup
    assert 0 < found.numbers["largest_mass_on_the_maze"] <= 1
    assert f"on the maze, {found.numbers['largest_mass_on_the_maze']:.0%};" in found.sentences[0]
    assert mazes.split_of(mazes.passage_hash(maze.passages)) == mazes.TEST
    assert index == 0


def test_attention_is_asked_about_layers_that_exist(trained):
    assert attention.run(attention.Settings(run=str(trained.folder), layer=0)).figures["tokens"].markup
    for layer in (2, -3):
        with pytest.raises(ValueError, match=rf"layer must be one of -2\.\.1, not {layer}"):
            attention.run(attention.Settings(run=str(trained.folder), layer=layer))


def test_the_untrained_control_is_the_network_before_training(trained):
    before, built = trained.model(0), models.build(trained.recipe.model, seed=trained.recipe.seed)
    assert all((one == two).all() for one, two in zip(before.parameters(), built.parameters(), strict=True))


def test_what_those_had_read_that_a_model_began_with_is_told_or_said_to_be_unknown(trained):
    line = training.seen.lineage(training.open_run("rdfs-6x6"))
    begun = "It began with the weights of rdfs-5x5; "
    assert behaviour._before(line, 0) == [f"{begun}none of the test mazes had been read by any of them."]
    assert behaviour._before(line, 3) == [f"{begun}3 of the test mazes had been read by any of them."]
    assert behaviour._before(line[:1], 0) == [f"{begun}what that had read is not known."]
    assert behaviour._before([trained], 0) == []
