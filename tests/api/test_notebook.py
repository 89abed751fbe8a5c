"""A notebook that is executed shows runs, traces and texts as HTML."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import Trained


@pytest.mark.slow
def test_a_notebook_shows_each_of_them(trained: Trained) -> None:
    cells = [
        f"import attn_cli as attn\nrun = attn.Run({str(trained.run.path)!r})\nrun",
        "model = run.load()\nmodel.trace('The fox met')",
        "model.generate('The', seed=7)",
        "model.generate('The', seed=0.5)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True, timeout=120).execute()

    shown = [cell.outputs[-1] for cell in notebook.cells]
    run, trace, text = (output["data"]["text/html"] for output in shown[:3])
    assert "validation loss" in run
    assert "data:image/svg+xml;base64," in run
    assert trace.count("<svg") == 6
    assert "seed 7, finish_reason length" in text
    assert shown[3]["ename"] == "InputError"
    assert "`seed`" in shown[3]["evalue"]
