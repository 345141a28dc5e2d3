"""Jobs say what they are, are done once, go on from where they were cut short, and touch no folder but their own."""

import fcntl
import threading
from dataclasses import replace

import pytest
import torch

from maze_interp import experiments, recipes, tables, training
from maze_interp.cli import jobs
from maze_interp.models import cores
from maze_interp.tables import Row
from tests import tiny

SHORT = replace(tiny.QUICK, steps=12, dtype="auto", threads=0)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    """Every test runs in a folder of its own beside a recipe."""
    (tmp_path / "short.toml").write_text(recipes.to_toml(SHORT))
    monkeypatch.chdir(tmp_path)


def planned(over, **settings):
    return jobs.plan("short.toml", over, "out", settings)


def weights(run):
    return run.model().state_dict()


def test_a_plan_is_the_product_of_what_varies(tmp_path):
    found = planned({"seed": ("3", "4"), "model.heads": (2, 4)}, steps="5")
    names = ["seed=3,model.heads=2", "seed=3,model.heads=4", "seed=4,model.heads=2", "seed=4,model.heads=4"]
    assert [job.name for job in found] == names
    assert [job.folder for job in found] == [tmp_path / "out" / name for name in names]
    assert [dict(job.what) for job in found][1] == {"seed": 3, "model.heads": 4}
    assert found[1].asked == replace(SHORT, seed=3, steps=5, model=replace(SHORT.model, heads=4))
    assert not (tmp_path / "out").exists()


def test_what_a_recipe_cannot_be_called_in_a_folder_is_written_otherwise():
    (one, two) = jobs.plan("behaviour", {"run": ["runs/a,b", "a=b"]}, "out")
    assert (one.name, two.name) == ("run=runs%2Fa%2Cb", "run=a%3Db")
    assert one.asked == experiments.behaviour.Settings(run="runs/a,b")


@pytest.mark.parametrize(
    ("name", "over", "settings", "told"),
    [
        ("shotr.toml", {"seed": "0"}, {}, "unknown training recipe (or TOML file) or experiment 'shotr.toml'"),
        ("behavior", {"seed": "0"}, {}, "did you mean 'behaviour'?"),
        ("short.toml", {"sed": "0"}, {}, "unknown key 'sed'; did you mean 'seed'?"),
        ("behaviour", {"maze": "0"}, {}, "unknown key 'maze'; did you mean 'mazes'?"),
        ("short.toml", {"seed": ["0", "x"]}, {}, "seed must be int"),
        ("short.toml", {"model.heads": ["5"]}, {}, "d_model 32 is not a multiple of heads 5"),
        ("short.toml", {"seed": "01"}, {"seed": "1"}, "seed is both set and to be varied"),
        ("short.toml", {"optimiser.learning_rate": ["1e-3", "0.001"]}, {}, "same one: optimiser.learning_rate=0.001"),
        ("short.toml", {}, {}, "what varies?"),
        ("short.toml", {"seed": ()}, {}, "what varies?"),
        ("short.toml", {"seed": range(101), "steps": range(1, 101)}, {}, "10,100 jobs are more than the 10,000"),
        ("short.toml", {"reason": ["why" * 70]}, {}, "longer than 200 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(name, over, settings, told):
    with pytest.raises(ValueError) as refusal:
        jobs.plan(name, over, "out", settings)
    assert told in str(refusal.value)


def test_a_job_is_done_once_and_is_an_ordinary_run():
    (job,) = planned({"seed": "5"})
    assert not jobs.finished(job)
    jobs.do(job)
    assert jobs.finished(job)
    run = training.open_run(job.folder)
    assert (run.recipe.seed, run.recipe.threads) == (5, 1)
    before = {path: path.stat().st_mtime_ns for path in job.folder.rglob("*")}
    jobs.do(job)
    assert {path: path.stat().st_mtime_ns for path in job.folder.rglob("*")} == before
    (row,) = jobs.rows(job)
    last = run.metrics[-1]
    assert (row.value, row.n, row.what["seed"]) == (last["exact"], 8, 5)
    assert (row.what["steps"], row.what["final_loss"]) == (12, last["loss"])
    assert row.low <= row.value <= row.high


def test_a_job_that_was_cut_short_goes_on_and_ends_as_if_it_had_not_been():
    whole, cut = planned({"seed": "0"})[0], jobs.plan("short.toml", {"seed": "0"}, "cut")[0]
    jobs.do(whole)

    def die(status):
        if status.step == 9:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"), cores.limited(1):
        training.train(cut.asked, cut.folder, progress=die)
    assert not jobs.finished(cut)
    left = [cut.folder / ".recipe.toml.0123abcd.partial", cut.folder.parent / ".seed=0.89abcdef.partial"]
    others = cut.folder.parent / ".seed=0.5.89abcdef.partial"
    for file in (*left, others):
        file.write_text("half")
    early = cut.folder / "checkpoints" / "step_00000001.safetensors"
    before = early.stat().st_mtime_ns
    jobs.do(cut)
    assert early.stat().st_mtime_ns == before
    assert not any(file.exists() for file in left)
    assert others.exists()  # somebody else's
    one, two = (weights(training.open_run(job.folder)) for job in (whole, cut))
    assert all((one[name] == two[name]).all() for name in one)


def test_killed_before_it_wrote_anything_whole_a_job_begins_anew():
    (job,) = planned({"seed": "0"})
    job.folder.mkdir(parents=True)
    (job.folder / ".recipe.toml.0123abcd.partial").write_text("na")
    assert not jobs.finished(job)
    jobs.do(job)
    assert jobs.finished(job)


def test_a_folder_that_holds_something_else_is_refused():
    (job,) = planned({"seed": "0"})
    training.train(replace(SHORT, threads=1, dtype="float32"), job.folder)
    assert jobs.finished(job)  # what the recipe leaves to the machine is no difference
    for settings, told in (({"steps": "13"}, "steps is 12 there and 13 here"), ({"dtype": "bfloat16"}, "dtype is")):
        (other,) = planned({"seed": "0"}, **settings)
        with pytest.raises(ValueError, match=told):
            jobs.finished(other)
        with pytest.raises(ValueError, match="holds another run"):
            jobs.do(other)
    assert jobs.finished(job)
    (stranger,) = planned({"seed": "1"})
    stranger.folder.mkdir()
    (stranger.folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is no part of a sweep"):
        jobs.finished(stranger)


def test_a_job_has_one_core_but_for_what_its_recipe_asks_for(monkeypatch):
    before, seen = torch.get_num_threads(), []

    def train(recipe, folder):
        seen.append((cores.settle(0, "cpu", 9), cores.settle(recipe.threads, "cpu", 9), torch.get_num_threads()))

    monkeypatch.setattr(training, "train", train)
    for job in planned({"threads": (0, 3)}):
        jobs.do(job)
    assert seen == [(1, 1, 1), (1, 3, 1)]
    assert torch.get_num_threads() == before


def test_whoever_comes_second_waits_for_the_first():
    (job,) = planned({"seed": "0"}, steps="1")
    job.folder.parent.mkdir()
    with open(job.folder.parent / ".seed=0.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = threading.Thread(target=jobs.do, args=[job])
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert not job.folder.exists()
    second.join(60)
    assert jobs.finished(job)


def test_an_experiment_is_a_job_too(trained):
    settings = {"run": str(trained.folder), "mazes": "5"}
    (job,) = jobs.plan("behaviour", {"seed": ("1",)}, "out", settings)
    assert not jobs.finished(job)
    jobs.do(job)
    assert jobs.finished(job)
    found = experiments.read(job.folder)
    rows = jobs.rows(job)
    assert {row.measure: row.value for row in rows} == pytest.approx(dict(found.numbers), nan_ok=True)
    assert all(row.what == {"seed": 1} for row in rows)
    assert {"rollouts"} < jobs.joined([job]).keys()
    (other,) = jobs.plan("behaviour", {"seed": "1"}, "out", {**settings, "mazes": "6"})
    with pytest.raises(ValueError, match="mazes is 5 there and 6 here"):
        jobs.finished(other)


def test_tables_of_several_jobs_become_one():
    """Conditions of a table's own are kept, under another name where they are what varies."""
    several = jobs.plan("shifts", {"run": ["runs/a", "runs/b"], "seed": "4"}, "out")
    for job in several:
        what = {"run": job.what["run"][-1], "shift": "far"}
        tables.to_csv([Row("exact", 0.5, 0.4, 0.6, 9, what)], job.folder / "tables" / "matrix.csv")
    assert [dict(row.what) for row in jobs.joined(several)["matrix"]] == [
        {"run": "runs/a", "seed": 4, "matrix.run": "a", "shift": "far"},
        {"run": "runs/b", "seed": 4, "matrix.run": "b", "shift": "far"},
    ]


def test_the_first_measures_are_told_with_jobs_side_by_side():
    found = [Row(f"m{i}", 0.5, 0.0, 0.0, 1, {"seed": seed}) for seed in (0, 1) for i in range(jobs.SHOWN + 1)]
    told = [(row.measure, row.what["seed"]) for row in jobs.headlines(found)]
    assert told == [(f"m{i}", seed) for i in range(jobs.SHOWN) for seed in (0, 1)]
