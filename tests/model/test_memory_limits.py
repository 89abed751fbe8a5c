"""How much memory there is, and how much an error asked for."""

from pathlib import Path

import pytest
import torch

from attn_cli.model.memory_limits import requested_memory, total_memory


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate "
                      "3221225472 bytes."), "3.0 GiB"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
         "20.00 GiB more"),
        (torch.OutOfMemoryError("CUDA error"), "more than there is"),
        (MemoryError(), "more than there is"),
        (RuntimeError("not enough memory: the rest"), "more than there is"),
        (RuntimeError("shapes differ"), None),
    ],
)  # fmt: skip
def test_what_an_error_asked_for(error: Exception, asked: str | None) -> None:
    assert requested_memory(error) == asked


@pytest.mark.skipif(total_memory() is None, reason="the system does not say")
def test_a_container_has_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "12345")
    assert total_memory() == 12345
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: "max")
    assert (total_memory() or 0) > 12345
