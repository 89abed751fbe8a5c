"""What fails while a run trains is one line that names what failed, and how to resume."""

import errno
import os
from pathlib import Path

import pytest

from attn_cli.config.load import override_config, parse_override
from attn_cli.config.schema import Config
from attn_cli.errors import OperationError
from attn_cli.runs.atomic_files import append
from attn_cli.runs.run_folder import RunFolder
from attn_cli.training import error_reporting
from attn_cli.training.error_reporting import check_memory, lower_learning_rates, translate_errors
from tests.conftest import tiny_config


def problem(error: Exception, path: Path = Path("runs/mine")) -> OperationError:
    with pytest.raises(OperationError) as caught, translate_errors(RunFolder(path), Config()):
        raise error
    assert caught.value.hint is not None
    return caught.value


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write runs/mine: No space"),
        (OSError(errno.EROFS, "Read-only", "x/y"), "cannot write x/y: Read-only"),
        (OSError(errno.EACCES, "Denied", "x/.step-1.7.tmp"), "cannot write x/.step-1.7.tmp: Den"),
        (OSError(errno.EACCES, "Denied", "my.txt"), "cannot access my.txt: Denied"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "an operation of the system failed: re"),
    ],
    ids=["full disk", "read-only disk", "temporary folder", "unreadable file", "connection"],
)
def test_an_error_of_the_system_names_the_file_and_only_writing_is_called_writing(
    error: OSError, message: str
) -> None:
    told = problem(error)
    assert told.message.startswith(message)
    assert "attn train --resume runs/mine" in (told.hint or "")


@pytest.mark.skipif(os.name != "posix", reason="needs a file that cannot be written")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(OperationError) as caught, translate_errors(RunFolder(tmp_path), Config()):
        append(tmp_path / "metrics.jsonl", "{}\n")
    assert caught.value.message == f"cannot write {tmp_path / 'metrics.jsonl'}: Is a directory"


def test_out_of_memory_names_what_to_lower() -> None:
    told = problem(MemoryError())
    assert told.message.startswith("out of memory")
    assert "train.batch_size (12)" in (told.hint or "")


def test_divergence_names_every_learning_rate_that_the_run_has() -> None:
    config = override_config(
        Config(), [parse_override(each) for each in ("train.optimizer=muon", "model.ngrams=[2]")]
    )
    told = lower_learning_rates(config)
    assert [each.partition("=")[0] for each in told] == [
        "train.learning_rate", "train.matrix_learning_rate", "train.table_learning_rate",
    ]  # fmt: skip


def test_other_errors_are_not_hidden() -> None:
    for error in (RuntimeError("a bug"), BrokenPipeError(errno.EPIPE, "closed")):
        with (
            pytest.raises(type(error)) as caught,
            translate_errors(RunFolder(Path("runs/mine")), Config()),
        ):
            raise error
        assert caught.value is error


def test_tables_need_no_gradient_and_no_optimizer_state(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config("model.ngrams=[9]", "model.ngram_rows=1000000", "model.ngram_embd=32")
    table = 4 * 32 * 1_000_000  # bytes; the rest of the model is small beside it

    monkeypatch.setattr(error_reporting, "total_memory", lambda: 2 * table)
    check_memory(config, 29, micro_batch=1, length=8)

    monkeypatch.setattr(error_reporting, "total_memory", lambda: table // 2)
    with pytest.raises(OperationError) as caught:
        check_memory(config, 29, micro_batch=1, length=8)
    assert "lower model.ngram_rows (1000000), model.ngram_embd (32)" in (caught.value.hint or "")
