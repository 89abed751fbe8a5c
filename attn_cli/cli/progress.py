"""What a user sees while a model trains: a bar, the losses, and what the model writes."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Never

from tqdm import tqdm

from attn_cli.cli.terminal import escape_control_characters, notice

if TYPE_CHECKING:
    from attn_cli.config.schema import Config
    from attn_cli.model.transformer import Transformer
    from attn_cli.runs.loggers.collection import LoggerCollection
    from attn_cli.runs.metrics import StepMetrics
    from attn_cli.runs.run_folder import RunFolder

_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix} [{elapsed}<{remaining}]"


class TrainingProgress:
    """A `Callback` of training: draws on standard error, keeps the samples, feeds the loggers.

    On a terminal it draws a bar. Elsewhere, where a bar would be a heap of carriage
    returns, it writes a line at each evaluation.

    Args:
        run: Where samples.txt goes.
        config: Its configuration, which names the loggers.
        write_sample: Lets a model write, given the step.
        first_step: Steps done before.
        quiet: Whether to draw nothing.
    """

    def __init__(
        self,
        run: RunFolder,
        config: Config,
        write_sample: Callable[[Transformer, int], str],
        *,
        first_step: int,
        quiet: bool,
    ) -> None:
        self.run = run
        self.config = config
        self.write_sample = write_sample
        self.first_step = first_step
        self.quiet = quiet
        self._unit = "bytes" if config.data.tokenizer == "bytes" else "chars"
        self._val_loss: float | None = None
        self._bar: tqdm[Never] | None = None
        self._loggers: LoggerCollection | None = None

    def on_train_start(self, model: Transformer, precision: str, device: str) -> None:
        from attn_cli.runs.loggers.collection import LoggerCollection

        if not self.quiet:
            self._draw(model, precision, device)
        self._loggers = LoggerCollection(self.run, self.config, self.on_message, self._say)

    def _draw(self, model: Transformer, precision: str, device: str) -> None:
        notice(f"{model.parameter_count():,} parameters, {precision} on {device}; {self.run.path}")
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=0,
                initial=self.first_step,  # so that what is left is judged by this process's speed
                bar_format=_BAR,
                dynamic_ncols=True,
                file=sys.stderr,
            )

    def on_log(self, metrics: StepMetrics, total_steps: float) -> None:
        self._val_loss = metrics.val_loss or self._val_loss
        if self._loggers is not None:
            self._loggers.log_metrics(metrics)
        if self._bar is None:
            return
        val = "" if self._val_loss is None else f", val {self._val_loss:.3f}"
        self._bar.total = max(metrics.step, int(min(total_steps, 1e12)))
        speed = f"{metrics.chars_per_second / 1000:.1f}k {self._unit}/s"
        self._bar.set_postfix_str(f"{_train_loss(metrics)}{val}, {speed}", refresh=False)
        self._bar.update(metrics.step - self._bar.n)

    def on_evaluate(self, metrics: StepMetrics, model: Transformer) -> None:
        from attn_cli.runs.loss_plot import plot_losses
        from attn_cli.runs.metrics import read_metrics

        assert metrics.val_loss is not None
        sample = self.write_sample(model, metrics.step)
        self.run.append_sample(metrics.step, metrics.val_loss, sample)
        if self._loggers is not None:
            self._loggers.log_text(metrics.step, sample)
        try:
            plot_losses(
                self.run.loss_plot, list(read_metrics(self.run.metrics)), self.run.path.name
            )
        except OSError:
            raise
        except Exception as error:  # of a library that draws; no reason to end a run
            self.on_message(f"loss.svg was not drawn: {type(error).__name__}: {error}")
        if not self.quiet:
            self._say(
                f"step {metrics.step:,} · {metrics.seconds:.0f} s · {_train_loss(metrics)}"
                f" · val {metrics.val_loss:.3f} · {metrics.chars_per_second:,.0f} {self._unit}/s"
            )
            self._say(_excerpt(sample))

    def on_message(self, message: str) -> None:
        if not self.quiet:
            self._say(message)

    def close(self) -> None:
        """Ends the loggers, and the bar's line."""
        if self._loggers is not None:
            self._loggers.close()
        if self._bar is not None:
            self._bar.close()

    def _say(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            with contextlib.suppress(OSError):  # a terminal that was closed
                self._bar.write(escape_control_characters(text), file=sys.stderr)
        else:
            notice(text)


def _train_loss(metrics: StepMetrics) -> str:
    return "train -" if metrics.train_loss is None else f"train {metrics.train_loss:.3f}"


def _excerpt(sample: str) -> str:
    """The beginning of a sample as one indented line or two."""
    flat = " ".join(escape_control_characters(sample).split())
    return textwrap.fill(
        textwrap.shorten(flat, 170, placeholder=" …"),
        width=92,
        initial_indent="  │ ",
        subsequent_indent="  │ ",
    )
