"""Reading a run for its report: whatever of it can be read, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from attn_cli.config.load import load_config
from attn_cli.errors import AttnError
from attn_cli.inspection.page.payload import evenly_spaced
from attn_cli.inspection.report.measured import Tell, measure
from attn_cli.inspection.report.run_report import RunReport, Sample
from attn_cli.runs.checkpoint import read_current
from attn_cli.runs.checkpoint_metadata import CheckpointMetadata
from attn_cli.runs.metrics import StepMetrics, read_metrics
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.display import counted

SAMPLES = 4  # side by side


def read_run(folder: RunFolder) -> RunReport:
    """What a run's folder says, without its model.

    Raises:
        AttnError: It has neither a checkpoint nor a configuration that can be read.
    """
    gaps: list[str] = []
    state = None
    try:
        _, latest = read_current(lambda: (folder, folder.checkpoint("latest")), with_weights=False)
        state = latest.metadata
    except AttnError as error:
        gaps.append(f"no checkpoint: {error.message}")
    config = load_config(folder.config) if state is None else state.config
    metrics = list(read_metrics(folder.metrics))
    gaps += _gaps(folder, state, metrics)
    losses = {line.step: line.val_loss for line in metrics}
    samples = [
        Sample(step, losses.get(step), text.strip("\n")) for step, text in folder.last_samples()
    ]
    return RunReport(folder, config, state, metrics, evenly_spaced(samples, SAMPLES), gaps)


def measured_run(folder: RunFolder, tell: Tell) -> RunReport:
    """What a run's folder says, and what its best model does; `tell` gets what takes long.

    Raises:
        AttnError: As `read_run` does.
    """
    read = read_run(folder)
    if not folder.step_folders():
        return read
    gaps = list(read.gaps)
    measured = measure(folder, [each.text for each in read.samples], gaps, tell)
    samples = read.samples
    if measured.overlap is not None:
        pairs = zip(samples, measured.overlap.matches, strict=True)
        samples = [replace(sample, match=match) for sample, match in pairs]
    return replace(read, samples=samples, gaps=gaps, measured=measured)


def _gaps(
    folder: RunFolder, state: CheckpointMetadata | None, metrics: Sequence[StepMetrics]
) -> Iterator[str]:
    """What a folder does not have, or not yet."""
    if state is not None and not state.finished:
        yield f"the run has not finished: its latest checkpoint is of step {state.step:,}"
    if not metrics:
        yield "no curves: metrics.jsonl has no line yet"
    elif all(line.val_loss is None for line in metrics):
        yield "no validation loss: the run has not been evaluated yet"
    if folder.metrics.is_file():
        with folder.metrics.open("rb") as file:
            damaged = sum(1 for line in file if line.strip()) - len(metrics)
        if damaged > 0:
            yield f"left out: {counted(damaged, 'line')} of metrics.jsonl that cannot be read"
    if not folder.last_samples():
        yield "no samples: the run has written none yet"
