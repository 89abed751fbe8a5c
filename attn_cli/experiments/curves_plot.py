"""The validation losses of arms over their steps, each with a band: SVG, PNG, or a page."""

from __future__ import annotations

import html
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn_cli.errors import InputError, OperationError
from attn_cli.experiments.arms import Arm
from attn_cli.runs.atomic_files import atomic_write
from attn_cli.runs.loss_plot import any_environment

FORMATS = (".svg", ".png", ".html")
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="attn">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
svg {{ background: white; height: auto; width: 100% }} pre {{ overflow-x: auto }}</style>
<h1>{title}</h1>
{svg}
<pre>{text}</pre>
</html>
"""


def check_plot(path: Path) -> None:
    """Checks that a plot can be written there, in the format that its name says.

    Raises:
        InputError: It names none, or there is no such folder.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a plot is one of {', '.join(FORMATS)}", "as in curves.svg")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}", "make it, or name another")


def write_plot(path: Path, arms: Sequence[Arm], text: str) -> None:
    """Writes the curves of all arms, in the format that the file's name says.

    Args:
        path: The file.
        arms: At least one.
        text: The comparison in words, which a page has below the plot.

    Raises:
        OperationError: It cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    content = curves_figure(arms, "png" if kind == "png" else "svg")
    if kind == "html":
        title = " and ".join(arm.name for arm in arms)
        _, _, svg = content.decode().partition("<svg")
        page = _PAGE.format(title=html.escape(title), svg=f"<svg{svg}", text=html.escape(text))
        content = page.encode()
    try:
        atomic_write(path, content)
    except OSError as error:
        raise OperationError(f"cannot write {path}: {error.strerror}", "name another") from None


def curves_figure(arms: Sequence[Arm], kind: str) -> bytes:
    """The mean validation loss of each arm by step, in a band of one standard deviation."""
    with any_environment():
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    with matplotlib.rc_context(
        {"svg.hashsalt": "attn", "svg.fonttype": "none", "text.usetex": False}
    ):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for arm in arms:
            steps, losses = curves(arm)  # (S,), (runs, S)
            mean = losses.mean(axis=0)
            name = arm.name.encode(errors="replace").decode()
            (line,) = axes.plot(steps, mean, lw=1.5, marker="o", ms=3)
            line.set_label(f"{name.lstrip('_')}, n = {len(losses)}".replace("$", r"\$"))
            if len(losses) > 1:
                sd = losses.std(axis=0, ddof=1)
                axes.fill_between(
                    steps, mean - sd, mean + sd, alpha=0.2, color=line.get_color(), lw=0
                )
        of = "example" if arms[0].runs[0].task == "classify" else "character"
        axes.set(xlabel="steps", ylabel=f"validation loss, nats per {of}")
        axes.set_title("mean ± one standard deviation over seeds", size=9)
        axes.grid(alpha=0.3)
        axes.legend()
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A name in an alphabet that the font lacks is still text in an SVG file.
            warnings.simplefilter("ignore", UserWarning)
            metadata = {"Date": None} if kind == "svg" else {}
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def curves(arm: Arm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The steps at which any run of an arm was evaluated, and the losses of all runs there.

    Between two evaluations a run's loss is interpolated; steps that not all runs have come to
    are left out.

    Returns:
        The steps (S,), and the losses (runs, S).
    """
    known = []
    for run in arm.runs:
        evaluated = [
            (line.step, line.val_loss) for line in run.metrics if line.val_loss is not None
        ]
        if evaluated:
            known.append(np.array(evaluated, dtype=np.float64).T)
    if not known:
        return np.empty(0), np.empty((1, 0))
    first = max(steps[0] for steps, _ in known)
    last = min(steps[-1] for steps, _ in known)
    steps = np.unique(np.concatenate([each for each, _ in known]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, own, losses) for own, losses in known])
