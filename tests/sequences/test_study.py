"""A study finishes what was interrupted as if it had not been, repeats nothing, and knows its own folder."""

import itertools
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from maze_interp import sequences
from maze_interp.sequences import Job, Pretraining, Reinforcement, Scale
from maze_interp.sequences.jobs import jobs, seed_of

SMALLEST = Scale(
    sizes=("18k", "53k"),
    goals=(4,),
    members=2,
    pretraining=Pretraining(steps=4, batch=8, held_out=20, every=2),
    reinforcement=Reinforcement(steps=3, batch=8, held_out=20, every=2),
    repeated=("18k",),
    fixed=16,
    varied=("18k",),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return sequences.study(SMALLEST, tmp_path_factory.mktemp("study") / "whole", threads=2)


def content(study):
    return {path.name: path.read_bytes() for path in study.folder.iterdir()}


def test_it_trains_what_its_scale_asks_for(whole):
    assert list(whole.pretrained) == ["53k", "18k"]
    assert set(whole.finetuned) == {("18k", 4), ("53k", 4)}
    assert {job.phase for job in whole.trained} == {"pretrained", "repeated", "finetuned", *sequences.VARIANTS}
    assert all(len(trained.ensemble) == 2 for trained in whole.trained.values())
    assert len(content(whole)) == 1 + 2 + 1 + 2 + len(sequences.VARIANTS)
    moved = whole.finetuned["18k", 4].weights["embed.W_E"] - whole.pretrained["18k"].weights["embed.W_E"]
    assert 0 < moved.abs().max() < 0.1  # three steps from where pretraining ended
    assert (whole.untrained["18k"].weights["embed.W_E"] != whole.pretrained["18k"].weights["embed.W_E"]).all()


def test_all_jobs_are_measured_on_the_same_histories(whole):
    """Reinforcement of every kind begins from one network: what is measured of it then is the same number."""
    begun = [trained.curves for job, trained in whole.trained.items() if job.begins_from == Job("18k", "pretrained")]
    assert len(begun) == 1 + len(sequences.VARIANTS)
    assert len({curves["maintenance"][0].tobytes() for curves in begun}) == 1
    assert len({curves["illegal"][0].tobytes() for curves in begun}) == 1
    assert (whole.trained[Job("18k", "pretrained")].curves["even"][-1] == begun[0]["maintenance"][0]).all()


def test_what_is_measured_changes_no_weight(whole):
    seed, config = seed_of(Job("18k", "pretrained"), SMALLEST), sequences.SIZES["18k"]
    other = sequences.pretrain(config, 2, SMALLEST.pretraining, seed=seed, measured=7)
    assert all((other.ensemble.weights[n] == weight).all() for n, weight in whole.pretrained["18k"].weights.items())
    assert (other.curves["even"] != whole.trained[Job("18k", "pretrained")].curves["even"]).all()


def test_its_curves_are_rows(whole):
    rows = [row for row in whole.curves if row["phase"] == "finetuned" and row["size"] == "18k"]
    assert {row["measure"] for row in rows} == {"loss", "success", "illegal", "maintenance"}
    assert {row["step"] for row in rows} == {0, 2, 3}
    assert {row["member"] for row in rows} == {0, 1}
    (one,) = [row for row in rows if (row["measure"], row["step"], row["member"]) == ("success", 3, 1)]
    assert one["value"] == whole.trained[Job("18k", "finetuned", 4)].curves["success"][-1, 1]


def test_the_full_study_is_the_articles():
    for scale in sequences.SCALES.values():
        assert (len(scale.sizes), len(scale.goals), scale.members) == (4, 3, 5)  # 20 pretrained and 60 reinforced


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted_anywhere_it_ends_bit_identical_and_repeats_nothing(whole, tmp_path, threads):
    """Stopped after every few steps until it is done, on one core or two: the same bytes, finished jobs untouched."""
    folder, stops, written = tmp_path / "study", 0, {}
    while True:
        try:
            ended = sequences.study(SMALLEST, folder, threads=threads, progress=stop_after(7))
            break
        except KeyboardInterrupt:
            stops += 1
        now = {path: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
        assert written.items() <= now.items()
        written = now
        assert stops < 50
    assert stops >= 3
    assert content(ended) == content(whole)


def test_an_executor_does_the_same_and_says_what_is_done(whole, tmp_path):
    said = []
    with ThreadPoolExecutor(2) as executor:
        spread = sequences.study(SMALLEST, tmp_path, executor=executor, progress=lambda *given: said.append(given))
    assert content(spread) == content(whole)
    assert len(said) == len(sequences.study(SMALLEST, tmp_path).trained)
    assert said == sorted(said)
    assert said[-1][0] == said[-1][1]


def test_a_job_that_fails_stops_the_study_and_begins_no_other(tmp_path, monkeypatch):
    """One worker, three jobs that wait for nothing: it may have begun the second by then, but not the third."""
    begun, told = [], threading.Event()

    def fail(job, scale, folder):
        begun.append(job)
        if len(begun) > 1:
            assert told.wait(60)
        raise RuntimeError("killed")

    monkeypatch.setattr(sys.modules["maze_interp.sequences.study"], "do_alone", fail)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(RuntimeError, match="killed"):
            sequences.study(SMALLEST, tmp_path, executor=executor)
        told.set()
    assert sum(job.begins_from is None for job in jobs(SMALLEST)) == 3
    assert len(begun) <= 2


def test_two_who_ask_for_one_study_train_it_once(tmp_path, monkeypatch):
    """The second comes while the first trains its first job: it waits, and finds nothing left to do."""
    module, done, first = sys.modules["maze_interp.sequences.study"], [], threading.Event()
    small = replace(SMALLEST, sizes=("18k",), repeated=(), varied=())

    def do(job, *given):
        first.set()
        done.append(job)
        time.sleep(0.1)
        plain(job, *given)

    plain = module.do
    monkeypatch.setattr(module, "do", do)
    with ThreadPoolExecutor(2) as both:
        one = both.submit(sequences.study, small, tmp_path / "study", threads=1)
        assert first.wait(60)
        two = both.submit(sequences.study, small, tmp_path / "study", threads=1)
        assert one.result(60).trained.keys() == two.result(60).trained.keys()
    assert len(done) == len(set(done)) == 2


def stop_after(calls):
    """A progress that stops whoever calls it later than that: a second thread calls on when the first was stopped."""
    count = itertools.count()

    def progress(*_):
        if next(count) >= calls:
            raise KeyboardInterrupt

    return progress


def test_a_finished_study_is_only_read(whole):
    said = []
    again = sequences.study(SMALLEST, whole.folder, progress=lambda *given: said.append(given))
    assert said == []
    one, two = (found.finetuned["18k", 4].weights["embed.W_E"] for found in (again, whole))
    assert (one == two).all()


def test_a_folder_from_before_a_setting_existed_is_still_the_studys(whole, tmp_path):
    """What a scale does not say has its default; what it says otherwise makes it another study."""
    folder = tmp_path / "older"
    shutil.copytree(whole.folder, folder)
    text = (folder / "scale.toml").read_text()
    (folder / "scale.toml").write_text(text.replace("utility = []\n", ""))
    assert "utility = []" in text
    assert sequences.study(SMALLEST, folder).trained.keys() == whole.trained.keys()


def test_progress_ends_at_its_total(tmp_path):
    said = []
    small = Scale(sizes=("18k",), goals=(2,), members=1, pretraining=SMALLEST.pretraining, repeated=(), varied=(),
                  reinforcement=SMALLEST.reinforcement)  # fmt: skip
    sequences.study(small, tmp_path / "study", progress=lambda *given: said.append(given))
    assert said[-1][0] == said[-1][1] > 0
    assert said == sorted(said)


def test_what_is_not_its_own_is_refused(whole, tmp_path):
    with pytest.raises(ValueError, match="holds another study"):
        sequences.study(SMALLEST, whole.folder, seed=1)
    with pytest.raises(ValueError, match="did you mean 'small'"):
        sequences.study("smal", tmp_path / "study")
    with pytest.raises(ValueError, match="unknown size"):
        Scale(sizes=("19k",))
    with pytest.raises(ValueError, match="unknown goal"):
        Scale(goals=(3,))
    with pytest.raises(ValueError, match="varied sizes must be among the sizes"):
        Scale(sizes=("18k",), varied=("53k",))
    (tmp_path / "thing").write_text("")
    with pytest.raises(ValueError, match="already holds something"):
        sequences.study(SMALLEST, tmp_path)
