"""Recipes survive the round trip through TOML, and every mistake in one is named."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maze_interp import recipes


@dataclass(frozen=True)
class Model:
    layers: int = 6
    dropout: float = 0.0
    d_mlp: int | None = None
    positions: Literal["learned", "rotary"] = "learned"


@dataclass(frozen=True)
class Ensemble:
    members: dict[str, Model]
    layers: int = 6


@dataclass(frozen=True)
class Study:
    name: str
    seed: int = 0
    fresh: bool = True
    rates: tuple[float, ...] = (1e-3,)
    lattice: tuple[int, int] = (6, 6)
    note: str | None = None
    knobs: dict[str, bool | int | float | str] = field(default_factory=dict)
    model: Model = Model()
    models: tuple[Model, ...] = ()
    either: Model | Ensemble = Model()
    bounds: dict[str, tuple[int | float, int | float]] = field(default_factory=dict)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False)
models = st.builds(
    Model, st.integers(), numbers, st.none() | st.integers(), positions=st.sampled_from(["learned", "rotary"])
)
studies = st.builds(
    Study,
    name=text,
    seed=st.integers(),
    fresh=st.booleans(),
    rates=st.lists(numbers, max_size=3).map(tuple),
    lattice=st.tuples(st.integers(), st.integers()),
    note=st.none() | text,
    knobs=st.dictionaries(text, st.booleans() | st.integers() | numbers | text, max_size=3),
    model=models,
    models=st.lists(models, max_size=2).map(tuple),
    either=models | st.builds(Ensemble, st.dictionaries(text, models, max_size=2), st.integers()),
    bounds=st.dictionaries(text, st.tuples(st.integers(), numbers), max_size=2),
)


def write(folder, content):
    path = folder / "study.toml"
    path.write_text(content, encoding="utf-8")
    return path


@settings(deadline=None, max_examples=50)
@given(studies)
def test_round_trip_through_a_file(tmp_path_factory, study):
    path = write(tmp_path_factory.getbasetemp(), recipes.to_toml(study))
    back = recipes.load(Study, path)
    assert back == study
    assert [type(value) for value in back.knobs.values()] == [type(value) for value in study.knobs.values()]


@settings(deadline=None, max_examples=50)
@given(studies)
def test_round_trip_through_a_dictionary_and_an_empty_override(study):
    assert recipes.from_dict(Study, recipes.to_dict(study), "here") == study
    assert recipes.override(study, {}) == study


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nam = 'x'", r"study.toml: unknown key 'nam'; did you mean 'name'\? allowed: name, seed"),
        ("name = 'x'\n[model]\nlayer = 2", r"study.toml: unknown key 'model.layer'; did you mean 'model.layers'\?"),
        ("name = 'x'\nmodels = [{ layer = 2 }]", r"study.toml: unknown key 'models\[0\].layer'"),
        ("seed = 1", r"study.toml: missing key 'name' \(str\)"),
        ("name = 'x'\nseed = 1.5", r"study.toml: seed must be int, not 1.5"),
        ("name = 'x'\nseed = true", r"study.toml: seed must be int, not True"),
        ("name = 'x'\nlattice = [1, 2, 3]", r"study.toml: lattice must be tuple\[int, int\], not \[1, 2, 3\]"),
        ("name = 'x'\nmodel = 3", r"study.toml: model must be a table \(layers, dropout, d_mlp, positions\), not 3"),
        ("name = 'x'\nmodel.d_mlp = 'big'", r"study.toml: model.d_mlp must be int or none, not 'big'"),
        (
            "name = 'x'\nmodel.positions = 'lerned'",
            r"model.positions: unknown value 'lerned'; did you mean",
        ),
        ("name = 'x'\nknobs.p = [1]", r"study.toml: knobs must be dict\[str, bool | int | float | str\]"),
        ("name = 'x'\neither = 3", r"either must be a table \(layers, .*\) or a table \(members, layers\), not 3"),
        ("name = 'x'\n[either.members.a]\nlayer = 2", r"unknown key 'either.members.a.layer'; did you mean"),
        ("name = 'x'\n[either]\nlayers = 2\nmembers = 3", r"study.toml: either.members must be dict\[str, "),
        ("name = ", r"study.toml: not a TOML file"),
    ],
)
def test_a_mistake_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        recipes.load(Study, write(tmp_path, content))


def test_an_integer_serves_as_a_float_but_stays_an_integer_where_both_are_allowed(tmp_path):
    study = recipes.load(Study, write(tmp_path, "name = 'x'\nrates = [1]\nknobs = { p = 1 }"))
    assert type(study.rates[0]) is float
    assert type(study.knobs["p"]) is int


@pytest.mark.parametrize(
    ("key", "value", "change"),
    [
        ("seed", "7", {"seed": 7}),
        ("name", "7", {"name": "7"}),
        ("name", "a, b", {"name": "a, b"}),
        ("fresh", "False", {"fresh": False}),
        ("note", "none", {"note": None}),
        ("name", "none", {"name": "none"}),
        ("rates", "1e-3, 2", {"rates": (1e-3, 2.0)}),
        ("rates", "0.5", {"rates": (0.5,)}),
        ("lattice", "[4, 5]", {"lattice": (4, 5)}),
        ("knobs.p", "0.3", {"knobs": {"p": 0.3}}),
        ("knobs.kind", "tree", {"knobs": {"kind": "tree"}}),
        ("model.d_mlp", "64", {"model": Model(d_mlp=64)}),
        ("model.positions", "rotary", {"model": Model(positions="rotary")}),
        ("either.layers", "3", {"either": Model(3)}),
        ("bounds.forks", "2, 5.5", {"bounds": {"forks": (2, 5.5)}}),
    ],
)
def test_override_reads_text_as_the_annotation_wants(key, value, change):
    study = Study("x", note="before")
    assert recipes.override(study, {key: value}) == dataclasses.replace(study, **change)
    assert study == Study("x", note="before")


def test_the_keys_of_a_table_say_which_of_several_dataclasses_it_is(tmp_path):
    text = "name = 'x'\n[either]\nlayers = 2\n[either.members.first]\nlayers = 3\n[either.members.second]"
    ensemble = Ensemble({"first": Model(3), "second": Model()}, layers=2)
    study = recipes.load(Study, write(tmp_path, text))
    assert study == Study("x", either=ensemble)
    changed = recipes.override(study, {"either.members.second.positions": "rotary", "either.layers": "4"})
    assert changed.either == Ensemble({"first": Model(3), "second": Model(positions="rotary")}, layers=4)
    with pytest.raises(ValueError, match=r"unknown key 'either.member'; did you mean 'either.members'.*d_mlp"):
        recipes.override(study, {"either.member": "3"})


def test_overrides_are_applied_together_before_the_recipe_is_checked():
    @dataclass(frozen=True)
    class Range:
        low: int
        high: int

        def __post_init__(self):
            if self.low >= self.high:
                raise ValueError("low must be below high")

    assert recipes.override(Range(0, 1), {"low": "5", "high": "6"}) == Range(5, 6)
    with pytest.raises(ValueError, match="settings low: low must be below high"):
        recipes.override(Range(0, 1), {"low": "5"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.layer", "2", r"unknown key 'model.layer'; did you mean 'model.layers'\?"),
        ("modle.layers", "2", r"unknown key 'modle'; did you mean 'model'\?"),
        ("seed.x", "2", r"seed holds int, so it has no key 'x'"),
        ("seed", "two", r"settings seed: seed must be int, not 'two'"),
    ],
)
def test_a_mistaken_override_is_named(key, value, message):
    with pytest.raises(ValueError, match=message):
        recipes.override(Study("x"), {key: value})


def test_none_that_toml_cannot_say_is_refused_rather_than_changed():
    @dataclass(frozen=True)
    class Limited:
        limit: int | None = 5

    @dataclass(frozen=True)
    class Several:
        named: dict[str, Limited]

    with pytest.raises(ValueError, match="limit is None"):
        recipes.to_toml(Limited(None))
    with pytest.raises(ValueError, match=r"named.one.limit is None"):
        recipes.to_toml(Several({"one": Limited(None)}))


def test_unknown_without_a_near_name_still_lists_what_is_allowed():
    assert str(recipes.unknown("metric", "zzz", ["exact", "valid"])) == "unknown metric 'zzz'; allowed: exact, valid"
