"""A resumed run is bit for bit the run that was never stopped."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from attn_cli.errors import CheckpointError, ConfigError, DatasetError, InputError, OperationError
from attn_cli.inspection.token_losses import mean_loss
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.load_model import load_model
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder
from tests.conftest import VERSE, Trained, resume_in, train_in
from tests.runs.test_checkpoint import rewrite_state, rewrite_tensors

# An epoch of the verse is 18 steps, of the names 13.5: these runs cross three ends of one.
STEPS = ("train.steps=60", "train.eval_every=20", "train.checkpoint_every=10", "train.log_every=4")

KINDS = {
    "gpt2, adamw, dropout": ("model.dropout=0.2", "model.bias=true"),
    "gpt2, muon, accumulation": ("train.optimizer=muon", "train.micro_batch_size=2"),
    "qwen3, muon, dropout": (
        "model.block=qwen3", "model.position=rope", "train.optimizer=muon", "model.dropout=0.1",
    ),
    "qwen3, adamw, bf16, accumulation, dropout": (
        "model.block=qwen3", "train.precision=bf16", "train.micro_batch_size=4",
        "model.dropout=0.1", "train.patience=3",
    ),
    "n-grams, muon, bf16, accumulation, dropout": (
        "model.block=qwen3", "model.ngrams=[2, 3, 5]", "model.ngram_rows=64", "model.ngram_embd=3",
        "model.ngram_dropout=0.3", "train.optimizer=muon", "train.precision=bf16",
        "train.micro_batch_size=4", "train.table_min_count=20",
    ),
    "lines, accumulation, dropout": (
        "data.records=lines", "train.micro_batch_size=4", "model.dropout=0.1",
    ),
    "encoder, muon, dropout": ("task=mlm", "train.optimizer=muon", "model.dropout=0.1"),
    "encoder of lines, accumulation": (
        "task=mlm", "data.records=lines", "train.micro_batch_size=4",
    ),
    "classifier, n-grams, accumulation, dropout": (
        "task=classify", "train.best_by=macro_f1", "train.micro_batch_size=4", "train.patience=3",
        "model.label_ngrams=[2, 3]", "model.label_ngram_rows=64", "model.label_ngram_dropout=0.5",
        "model.dropout=0.1",
    ),
    "pairs, accumulation, dropout": (
        "task=seq2seq", "train.best_by=error_rate", "train.micro_batch_size=4",
        "train.label_smoothing=0.1", "model.dropout=0.1",
    ),
    "pairs, qwen3, muon, bf16": (
        "task=seq2seq", "train.best_by=last", "train.optimizer=muon", "train.precision=bf16",
        "model.block=qwen3", "model.position=rope",
    ),
}  # fmt: skip


def lines(run: RunFolder) -> list[dict[str, Any]]:
    """The metrics without what depends on the clock."""
    records = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [
        {key: value for key, value in record.items() if key not in ("seconds", "chars_per_second")}
        for record in records
    ]


def assert_same_end(one: RunFolder, other: RunFolder) -> None:
    """The same weights, optimizer, random states and metrics, bit for bit."""
    assert one.checkpoint("latest").name == other.checkpoint("latest").name
    for name in ("model.safetensors", "optimizer.safetensors"):
        for which in ("latest", "best"):
            mine, theirs = one.checkpoint(which) / name, other.checkpoint(which) / name
            assert mine.read_bytes() == theirs.read_bytes()
    assert lines(one) == lines(other)
    state, known = (read_checkpoint(run.checkpoint("latest")).metadata for run in (one, other))
    assert (state.best_step, state.best_val_loss) == (known.best_step, known.best_val_loss)
    assert state.best_metric == known.best_metric


@pytest.fixture(scope="module", params=KINDS)
def never_stopped(
    request: pytest.FixtureRequest,
    verse_file: Path,
    names_file: Path,
    labelled_file: Path,
    pairs_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:
    folder = tmp_path_factory.mktemp("never") / "run"
    texts = {
        "data.records=lines": names_file,
        "task=classify": labelled_file,
        "task=seq2seq": pairs_file,
    }
    kind = KINDS[request.param]
    text = next((text for setting, text in texts.items() if setting in kind), verse_file)
    return train_in(folder, text, *STEPS, *kind)


def text_of(trained: Trained) -> Path:
    return Path(trained.config.data.text[0])


def again(trained: Trained) -> tuple[str, ...]:
    """What makes the same run once more."""
    keys = [setting.partition("=")[0] for kind in KINDS.values() for setting in kind]
    values = trained.config.flat()
    return (
        *STEPS,
        *(f"{key}={json.dumps(values[key])}" for key in dict.fromkeys(keys)),
    )


@pytest.mark.parametrize("stop", [1, 13, 18, 20, 24, 59, 60])
def test_stopped_at_any_step(never_stopped: Trained, tmp_path: Path, stop: int) -> None:
    """Right away, between two lines, at an epoch's end, where an evaluation is due, at the end."""
    stopped = train_in(
        tmp_path / "run", text_of(never_stopped), *again(never_stopped), stop_at=stop
    )
    assert stopped.result.interrupted
    assert stopped.result.steps == stop
    rest = resume_in(tmp_path / "run")
    assert not rest.result.interrupted
    assert rest.result.val_loss == never_stopped.result.val_loss
    assert_same_end(rest.run, never_stopped.run)


def test_stopped_again_and_again(never_stopped: Trained, tmp_path: Path) -> None:
    train_in(tmp_path / "run", text_of(never_stopped), *again(never_stopped), stop_at=7)
    for stop in (8, 21, 40):
        assert resume_in(tmp_path / "run", stop_at=stop).result.steps == stop
    assert_same_end(resume_in(tmp_path / "run").run, never_stopped.run)


@pytest.fixture
def stopped(verse_file: Path, tmp_path: Path) -> Trained:
    """A run of 60 steps that was stopped after 33."""
    shutil.copy(verse_file, tmp_path / "verse.txt")
    return train_in(
        tmp_path / "run", tmp_path / "verse.txt", *STEPS, "model.dropout=0.1", stop_at=33
    )


@pytest.fixture(scope="module")
def whole(verse_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same run, never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return train_in(folder, verse_file, *STEPS, "model.dropout=0.1")


def test_lines_after_the_checkpoint_and_torn_ones_are_written_again(
    stopped: Trained, whole: Trained
) -> None:
    """As a kill leaves them: later lines are there, the last one in part."""
    metrics = stopped.run.metrics
    with metrics.open("a") as file:
        file.write(metrics.read_text().splitlines()[-1].replace('"step": 32', '"step": 36') + "\n")
        file.write('{"step": 40, "train_lo')
    assert_same_end(resume_in(stopped.run.path).run, whole.run)


def test_a_last_line_that_was_cut_is_brought_back(stopped: Trained, whole: Trained) -> None:
    text = stopped.run.metrics.read_text()
    stopped.run.metrics.write_text(text[:-30])
    assert_same_end(resume_in(stopped.run.path).run, whole.run)


def test_a_damaged_checkpoint_is_set_aside_for_the_one_before(
    stopped: Trained, whole: Trained
) -> None:
    weights = stopped.run.checkpoint("latest") / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 16
    weights.write_bytes(data)
    rest = resume_in(stopped.run.path)
    damage, begun = rest.notes[:2]
    assert "step-00000033/model.safetensors is damaged: its checksum is wrong" in damage
    assert "resumed from step 30" in begun
    assert (stopped.run.checkpoints / "step-00000033.damaged").is_dir()
    assert_same_end(rest.run, whole.run)


def test_half_of_a_checkpoint_and_a_lost_pointer(stopped: Trained, whole: Trained) -> None:
    """As a kill leaves them between two system calls."""
    checkpoints = stopped.run.checkpoints
    shutil.copytree(checkpoints / "step-00000033", checkpoints / ".step-00000034.77.tmp")
    (checkpoints / ".latest.77.tmp").write_text("step-0000")
    (checkpoints / "latest").unlink()
    rest = resume_in(stopped.run.path)
    assert_same_end(rest.run, whole.run)
    assert not list(checkpoints.glob(".*.tmp"))


def test_no_whole_checkpoint_is_an_error_that_names_the_file(stopped: Trained) -> None:
    for folder in stopped.run.step_folders():
        (folder / "optimizer.safetensors").write_bytes(b"")
    with pytest.raises(
        CheckpointError, match=r"no checkpoint .* is valid: .*optimizer\.safetensors"
    ):
        resume_in(stopped.run.path)


def test_stopped_before_its_first_checkpoint(stopped: Trained, whole: Trained) -> None:
    """As a kill in the first seconds leaves it: some lines, no checkpoint."""
    shutil.rmtree(stopped.run.checkpoints)
    rest = resume_in(stopped.run.path)
    assert "restarting from step 0" in rest.notes[0]
    assert_same_end(rest.run, whole.run)


def test_a_run_that_has_ended_says_so_and_stays_as_it_is(whole: Trained, tmp_path: Path) -> None:
    shutil.copytree(whole.run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    before = run.metrics.read_bytes()
    rest = resume_in(run.path)
    assert f"{run.path} ended after 60 steps" in rest.notes[0]
    assert str(run.samples) in rest.notes[0]
    assert rest.notes[1].endswith(f"attn train --resume {run.path} --more-steps 60")
    assert rest.result.steps == 60
    assert rest.result.val_loss == whole.result.val_loss
    assert not rest.result.interrupted
    assert run.metrics.read_bytes() == before


def test_a_line_that_was_written_after_the_stop_is_not_there_twice(
    stopped: Trained, whole: Trained
) -> None:
    """Stopped where a line was due, resumed, and killed before the next checkpoint."""
    resume_in(stopped.run.path, stop_at=36)
    state = read_checkpoint(stopped.run.checkpoint("latest")).metadata
    assert (state.step, state.post_step_done) == (36, False)
    before = {path.name for path in stopped.run.step_folders()}
    resume_in(stopped.run.path, stop_at=38)
    for folder in stopped.run.step_folders():
        if folder.name not in before:
            shutil.rmtree(folder)
    assert [line["step"] for line in lines(stopped.run)][-2:] == [32, 36]
    assert_same_end(resume_in(stopped.run.path).run, whole.run)


@pytest.mark.parametrize("setting", ["train.steps=33", "train.steps=5", "train.minutes=1e-9"])
def test_less_than_was_done_is_refused(stopped: Trained, setting: str) -> None:
    with pytest.raises(ConfigError, match="already"):
        resume_in(stopped.run.path, setting, *(["train.steps=60"] if "min" in setting else []))


def test_more_patience_trains_longer(tmp_path: Path) -> None:
    letters = torch.randint(97, 123, (800,), generator=torch.Generator().manual_seed(0))
    (tmp_path / "random.txt").write_bytes(bytes(letters.tolist()))
    recipe = ("train.steps=900", "train.eval_every=20", "train.patience=2")
    ended = train_in(tmp_path / "run", tmp_path / "random.txt", *recipe)
    assert ended.result.steps < 900
    longer = resume_in(tmp_path / "run", "train.patience=4")
    assert longer.result.steps > ended.result.steps


def test_a_stop_while_steps_are_skipped_keeps_the_last_good_checkpoint(
    verse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attn_cli.training import learner

    whole_step = learner.train_step

    def broken(mp_model, *arguments, step, **options):  # type: ignore[no-untyped-def]
        outcome = whole_step(mp_model, *arguments, step=step, **options)
        return outcome if step < 14 else replace(outcome, loss=float("nan"), applied=False)

    monkeypatch.setattr(learner, "train_step", broken)
    recipe = (*STEPS, "train.keep_checkpoints=1", "train.eval_every=50")
    run = train_in(tmp_path / "run", verse_file, *recipe, stop_at=17).run
    assert {folder.name for folder in run.step_folders()} == {"step-00000010", "step-00000017"}
    with pytest.raises(OperationError, match="training diverged") as caught:
        resume_in(run.path)
    assert "last good checkpoint" in (caught.value.hint or "")
    assert run.checkpoint("latest").name == "step-00000010"


def test_a_stop_before_the_first_step(verse_file: Path, tmp_path: Path) -> None:
    run = train_in(tmp_path / "run", verse_file, *STEPS, stop_at=0).run
    assert not (run.checkpoints / "best").exists()
    assert resume_in(run.path).result.steps == 60


def test_saved_again_on_another_device_it_is_still_whole(
    stopped: Trained, whole: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped where a checkpoint was due, and resumed where there is one generator more."""
    from attn_cli.training import learner

    resume_in(stopped.run.path, stop_at=40)
    monkeypatch.setattr(
        learner,
        "rng_states",
        lambda *_: {"torch": torch.get_rng_state(), "other": torch.zeros(3)},
    )
    resume_in(stopped.run.path, stop_at=41)
    read_checkpoint(stopped.run.checkpoints / "step-00000040").verify()


def test_more_steps_extend_a_run_and_say_what_that_does(whole: Trained, tmp_path: Path) -> None:
    shutil.copytree(whole.run.path, tmp_path / "run")
    longer = resume_in(tmp_path / "run", "train.steps=90")
    assert longer.result.steps == 90
    steps = [line["step"] for line in lines(longer.run)]
    assert steps == sorted(set(steps))
    assert steps[-1] == 90
    told = "\n".join(longer.notes)
    assert "train.steps 60 -> 90" in told
    assert "schedule now spans 90 steps" in told
    # Stopped right after, it is the longer run that is resumed.
    assert "ended after 90 steps" in resume_in(tmp_path / "run").notes[0]


def test_a_lower_learning_rate_is_taken_over_and_told(stopped: Trained) -> None:
    rest = resume_in(stopped.run.path, "train.learning_rate=1e-3")
    assert "  train.learning_rate 0.01 -> 0.001" in rest.notes
    assert lines(rest.run)[-8]["lr"] < 1e-3
    assert read_checkpoint(rest.run.checkpoint("latest")).config.train.learning_rate == 1e-3


def test_an_edited_config_is_taken_over_and_told(stopped: Trained) -> None:
    config = stopped.run.config
    config.write_text(config.read_text().replace("grad_clip: 1.0", "grad_clip: 0.5"))
    assert "  train.grad_clip 1 -> 0.5" in resume_in(stopped.run.path).notes


@pytest.mark.parametrize(
    ("setting", "difference"),
    [
        ("model.n_layer=3", "model.n_layer 2 -> 3"),
        ("train.seed=7", "train.seed 1337 -> 7"),
        ("train.optimizer=muon", "train.optimizer adamw -> muon"),
        ("train.batch_size=16", "train.batch_size 8 -> 16"),
        ("data.tokenizer=corpus", "data.tokenizer printable -> corpus"),
        ("data.validation_fraction=0.2", "data.validation_fraction 0.1 -> 0.2"),
    ],
)
def test_what_would_be_another_run_is_refused(
    stopped: Trained, whole: Trained, setting: str, difference: str
) -> None:
    with pytest.raises(ConfigError, match="cannot be resumed with other settings") as caught:
        resume_in(stopped.run.path, setting)
    assert difference in caught.value.message
    # Nothing has happened to the run.
    assert_same_end(resume_in(stopped.run.path).run, whole.run)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text + "more", "4 characters longer"),
        (lambda text: text[:-9], "9 characters shorter"),
        (lambda text: text.replace("fox", "cat"), "as long as before, but not the same"),
    ],
)
def test_a_changed_text_is_refused(
    stopped: Trained, whole: Trained, tmp_path: Path, change: Any, told: str
) -> None:
    text = tmp_path / "verse.txt"
    before = text.read_text()
    text.write_text(change(before))
    with pytest.raises(DatasetError, match="has changed since") as caught:
        resume_in(stopped.run.path)
    assert told in caught.value.message
    text.write_text(before)
    assert_same_end(resume_in(stopped.run.path).run, whole.run)


def test_a_text_of_an_edited_config_is_the_one_that_counts(
    stopped: Trained, whole: Trained, tmp_path: Path
) -> None:
    config, text = stopped.run.config, tmp_path / "verse.txt"
    shutil.copy(text, tmp_path / "copy.txt")
    (tmp_path / "other.txt").write_text("quite another text " * 99)
    before = config.read_text()
    config.write_text(before.replace("verse.txt", "other.txt"))
    with pytest.raises(DatasetError, match=r"other\.txt has changed since"):
        resume_in(stopped.run.path)
    config.write_text(before.replace("verse.txt", "copy.txt"))
    assert_same_end(resume_in(stopped.run.path).run, whole.run)
    assert "copy.txt" in config.read_text()


def test_a_text_that_was_moved(stopped: Trained, whole: Trained, tmp_path: Path) -> None:
    (tmp_path / "verse.txt").rename(tmp_path / "elsewhere.txt")
    with pytest.raises(DatasetError, match=r"verse\.txt, which is not there any more"):
        resume_in(stopped.run.path)
    rest = resume_in(stopped.run.path, f"data.text={json.dumps(str(tmp_path / 'elsewhere.txt'))}")
    assert_same_end(rest.run, whole.run)


def test_another_vocabulary_is_refused(stopped: Trained) -> None:
    written = json.loads(stopped.run.tokenizer.read_text())
    written["symbols"][17] = "é"
    stopped.run.tokenizer.write_text(json.dumps(written))
    with pytest.raises(CheckpointError, match="symbol 17 is 'é' there and 'h' in the checkpoint"):
        resume_in(stopped.run.path)
    stopped.run.tokenizer.unlink()
    resume_in(stopped.run.path, stop_at=34)
    assert json.loads(stopped.run.tokenizer.read_text())["symbols"][17] == "h"


def test_a_second_process_is_refused_with_the_number_of_the_first(stopped: Trained) -> None:
    import os

    with (
        lock_run(stopped.run),
        pytest.raises(InputError, match=f"process {os.getpid()} is training"),
    ):
        resume_in(stopped.run.path)
    assert resume_in(stopped.run.path, stop_at=34).result.steps == 34


@pytest.mark.parametrize("name", ["metrics.jsonl", "samples.txt", "checkpoints"])
def test_a_run_does_not_write_through_a_link(stopped: Trained, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    path = stopped.run.path / name
    if path.exists():
        shutil.move(path, elsewhere)
    else:
        elsewhere.write_text("mine")
    path.symlink_to(elsewhere)
    with pytest.raises(CheckpointError, match="is a link out of the run's folder"):
        resume_in(stopped.run.path)


def test_nothing_is_made_outside_of_a_run(stopped: Trained, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    shutil.rmtree(stopped.run.checkpoints)
    stopped.run.checkpoints.symlink_to(tmp_path / "outside")
    with pytest.raises(CheckpointError, match="is a link out of the run's folder"):
        resume_in(stopped.run.path)
    assert list((tmp_path / "outside").iterdir()) == []


def test_the_state_of_another_optimizer_is_refused(stopped: Trained) -> None:
    folder = stopped.run.checkpoint("latest")
    tensors = load_file(folder / "optimizer.safetensors")
    odd = {key.replace("/exp_avg_sq", "/momentum_buffer"): value for key, value in tensors.items()}
    rewrite_tensors(folder, "optimizer.safetensors", odd)
    with pytest.raises(CheckpointError, match="state is exp_avg, momentum_buffer"):
        resume_in(stopped.run.path)


def test_a_random_state_that_is_none(stopped: Trained) -> None:
    folder = stopped.run.checkpoint("latest")
    tensors = load_file(folder / "optimizer.safetensors")
    rewrite_tensors(
        folder, "optimizer.safetensors", tensors | {"random/torch": tensors["random/torch"][:9]}
    )
    with pytest.raises(CheckpointError, match="random state is damaged"):
        resume_in(stopped.run.path)


def test_the_time_before_a_stop_counts(verse_file: Path, tmp_path: Path) -> None:
    """After an hour, of ten minutes none are left for another step."""
    run = train_in(
        tmp_path / "run", verse_file, "train.minutes=10", "train.eval_every=1000000", stop_at=20
    )
    rewrite_state(run.run.checkpoint("latest"), seconds=3600.0)
    rest = resume_in(tmp_path / "run")
    assert rest.result.seconds > 3600
    assert not rest.result.interrupted
    assert rest.result.steps == 20


@pytest.mark.slow
def test_a_compiled_run_is_resumed_compiled(verse_file: Path, tmp_path: Path) -> None:
    """Compiled steps round otherwise than others: those of before and after have to agree."""
    recipe = (*STEPS, "train.compile=true", "model.dropout=0.1", "model.block=qwen3")
    whole = train_in(tmp_path / "whole", verse_file, *recipe)
    if not any("compiled in" in notice for notice in whole.callback.notices):
        pytest.skip("there is no compiler here")
    train_in(tmp_path / "run", verse_file, *recipe, stop_at=7)
    resume_in(tmp_path / "run", stop_at=31)
    rest = resume_in(tmp_path / "run")
    assert any("compiled in" in notice for notice in rest.callback.notices)
    assert_same_end(rest.run, whole.run)


def test_a_run_decides_to_compile_where_one_that_never_stopped_does(
    verse_file: Path, tmp_path: Path
) -> None:
    """`auto` judges by the fastest of 20 steps, those before a stop among them."""
    train_in(tmp_path / "run", verse_file, *STEPS, stop_at=19)
    run = RunFolder(tmp_path / "run")
    state = read_checkpoint(run.checkpoint("latest")).metadata
    assert state.config.train.compile == "auto"
    assert state.fastest_step is not None
    assert (
        read_checkpoint(
            resume_in(run.path, stop_at=21).run.checkpoint("latest")
        ).config.train.compile
        is False
    )


@pytest.fixture
def with_validation(stopped: Trained, tmp_path: Path) -> Trained:
    """A stopped run that is validated on a text of its own."""
    (tmp_path / "held-out.txt").write_text(VERSE * 3, encoding="utf-8")
    validation = f"data.validation={tmp_path / 'held-out.txt'}"
    text = tmp_path / "verse.txt"
    return train_in(tmp_path / "other", text, *STEPS, validation, stop_at=33)


def test_a_text_to_validate_on(with_validation: Trained, tmp_path: Path) -> None:
    held_out = tmp_path / "held-out.txt"
    assert with_validation.config.data.validation == [str(held_out)]
    assert f"validated on {held_out}" in with_validation.notes
    assert any("10 of 10 passages of the validation text" in x for x in with_validation.notes)
    rest = resume_in(with_validation.run.path)
    assert rest.result.val_chars == 3 * len(VERSE) - 1
    loaded = load_model(rest.run.path)
    measured = mean_loss(loaded, loaded.corpus().validation)
    assert measured.loss == pytest.approx(rest.result.val_loss, abs=1e-6)


def test_a_text_to_validate_on_that_changed_or_moved(
    with_validation: Trained, tmp_path: Path
) -> None:
    path = with_validation.run.path
    held_out, moved = tmp_path / "held-out.txt", tmp_path / "moved.txt"
    held_out.rename(moved)
    with pytest.raises(DatasetError, match=r"held-out\.txt, which is not there any more") as caught:
        resume_in(path)
    assert "attn train --set data.validation=NEW_PATH --resume" in (caught.value.hint or "")
    assert resume_in(path, f"data.validation={moved}", stop_at=40).config.data.validation == [
        str(moved)
    ]
    with pytest.raises(ConfigError, match=r"data\.validation .*moved.txt -> none"):
        resume_in(path, "data.validation=null")
    moved.write_text(VERSE * 4, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"data\.validation: .*moved.txt has changed since"):
        resume_in(path)
