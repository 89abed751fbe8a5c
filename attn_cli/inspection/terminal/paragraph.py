"""Text that fits a terminal's width, with no blanks at the ends of its lines."""

import textwrap
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text


@dataclass(frozen=True)
class Paragraph:
    """A paragraph for rich, whose own wrapping leaves a blank at the end of each line."""

    text: str  # the words; a run of white space is one blank
    indent: int = 0  # blanks before each line
    style: str = ""  # as rich names it

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        before = " " * self.indent
        width = max(20, options.max_width)
        for line in textwrap.wrap(
            self.text, width, initial_indent=before, subsequent_indent=before
        ) or [""]:
            yield Text(line, style=self.style, no_wrap=True)
