"""How a lesson is read in the terminal: its contents, one step, or step by step with Enter."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attn_cli.cli.terminal import console
from attn_cli.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from attn_cli.inspection.lesson.blocks import LessonStep


@dataclass(frozen=True)
class Reading:
    """What of a lesson is asked for.

    Raises:
        InputError: Two of them do not go together.
    """

    step: int | None  # this one alone, from 1
    first: int | None  # this one and those after it, from 1
    contents: bool  # the titles alone
    at_once: bool  # without waiting for Enter
    html: Path | None  # as a page, which has all

    def __post_init__(self) -> None:
        given = [
            name
            for name, value in {
                "--step": self.step,
                "--from": self.first,
                "--contents": self.contents or None,
            }.items()
            if value is not None
        ]
        if len(given) > 1:
            raise InputError(
                f"{' and '.join(given[:2])} cannot go together", f"leave out {given[-1]}"
            )
        if given and self.html is not None:
            raise InputError(
                f"{given[0]} is for reading in the terminal",
                "leave it out: the page that --html writes has all steps",
            )

    def numbers(self, count: int) -> range:
        """The steps to show of a lesson of so many, from 1.

        Raises:
            InputError: There is no such step.
        """
        for number in (self.step, self.first):
            if number is not None and number > count:
                raise InputError(
                    f"step {number}: the lesson has {count} steps",
                    "attn explain --contents lists them",
                )
        if self.step is not None:
            return range(self.step, self.step + 1)
        return range(self.first or 1, count + 1)

    def show(self, steps: Sequence[LessonStep], numbers: range) -> None:
        """Prints these steps; at a terminal one at a time, unless all at once is wanted."""
        from attn_cli.inspection.lesson.terminal_view import show_contents, show_step

        screen = console()
        if self.step is None and self.first is None:
            show_contents(screen, steps)
        if self.contents:
            return
        if self.step is None and not self.at_once and sys.stdin.isatty() and sys.stdout.isatty():
            _read(screen, steps, numbers[0])
            return
        for number in numbers:
            show_step(screen, steps[number - 1], number, len(steps))

    def record(self, steps: Sequence[LessonStep]) -> dict[str, Any]:
        """The steps for JSON."""
        from attn_cli.inspection.lesson.record import lesson_record

        return lesson_record(steps, self.numbers(len(steps)), titles_alone=self.contents)


def _read(screen: Console, steps: Sequence[LessonStep], number: int) -> None:
    """Shows a step, and then whichever the reader asks for, until there is an end of that."""
    from attn_cli.inspection.lesson.terminal_view import show_contents, show_step

    count = len(steps)
    while number <= count:
        show_step(screen, steps[number - 1], number, count)
        while (answer := _answer(number, count)) in ("c", "contents"):
            show_contents(screen, steps)
        if answer in ("q", "quit"):
            return
        number = number + 1 if not answer else number - 1 if answer in BACK else int(answer)


BACK = ("b", "back")


def _answer(number: int, count: int) -> str:
    """What the reader types after a step: nothing, or a key that means something there."""
    following = "next" if number < count else "quit"
    while True:
        answer = _line(
            f"[{number}/{count}] Enter: {following}; b: back; c: contents; a number: that step; "
            "q: quit. "
        )
        if answer in ("", "c", "contents", "q", "quit"):
            return answer
        if answer in BACK and number > 1:
            return answer
        if answer in BACK:
            print("This is the first step.")
        elif answer.isdecimal() and 1 <= int(answer) <= count:
            return answer
        elif answer.isdecimal():
            print(f"There is no step {answer}: they are 1 to {count}.")
        else:
            print("That is none of these keys.")


def _line(prompt: str) -> str:
    """A line that the reader types, in small letters; "q" at the end of the input."""
    # Not by input(), in which a Ctrl-C just after its prompt would wait for the next Enter.
    try:
        print(prompt, end="", flush=True)
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        print()  # so that the shell's prompt starts on a new line
        raise
    print()  # ends the line where the input has ended; else a line is left free
    return line.strip().lower() if line.endswith("\n") else "q"
