"""Chromium without a window, and pages that it opens from the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from attn_cli.config.load import load_config, parse_override
from attn_cli.inspection.page.build import PageContents, page
from attn_cli.model.build import build_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.tokenizer import Tokenizer, printable_tokenizer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

PICTURES = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥"})
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 20_000  # milliseconds that a condition may take on a busy machine


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; missing is an error where everything has to be tested."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        reason = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page that is watched: what it asked for and what went wrong in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, script: str, argument: Any = None) -> Any:
        """What a script gives in the page."""
        return self.page.evaluate(script, argument)

    def logits(self, text: str) -> torch.Tensor:
        return torch.tensor(self.run("text => attn.logits(text)", text))

    def type(self, text: str, shown: str | None = None) -> None:
        """Puts another text in, and waits until the model has read it.

        Args:
            text: What is typed.
            shown: What the page then shows of it; its characters, with pictures for blanks.
        """
        from playwright.sync_api import expect

        self.page.fill("#typed", text)
        wanted = text.translate(PICTURES) if shown is None else shown
        expect(self.page.locator("#surprisal-strip")).to_have_text(wanted)


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Opens pages from the disk; whatever they load, and any error, fails the test."""
    watched: list[tuple[Opened, str]] = []
    contexts = []

    def open_page(
        contents: PageContents | str, width: int = 1280, height: int = 900, **options: Any
    ) -> Opened:
        path = tmp_path / f"page-{len(watched)}.html"
        html = contents if isinstance(contents, str) else page(contents)
        path.write_text(html, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        one = Opened(context.new_page())
        watched.append((one, path.as_uri()))

        def asked(request: Request) -> None:
            one.requests.append(request.url)

        def told(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                one.errors.append(message.text)

        one.page.on("request", asked)
        one.page.on("console", told)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        one.page.goto(path.as_uri())
        return one

    yield open_page
    for one, address in watched:
        assert one.requests == [address]
        assert one.errors == []
    for context in contexts:
        context.close()


def random_model(
    *overrides: str, tokenizer: Tokenizer | None = None, spread: float = 6.0
) -> LoadedModel:
    """A model that nobody trained, with weights large enough that errors would show."""
    config = load_config(None, [parse_override(override) for override in overrides])
    tokenizer = tokenizer or printable_tokenizer()
    torch.manual_seed(7)
    tokenizer = tokenizer.with_mask() if config.task == "mlm" else tokenizer
    model = build_model(config.model, tokenizer.vocab_size, config.task).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn_like(parameter)
            parameter.add_(noise * (0.02 * spread if parameter.dim() == 2 else 0.2))
    return LoadedModel(
        config,
        tokenizer,
        tokenizer.document_separator_id,
        "a model of random numbers",
        lambda: model,
    )


@torch.no_grad()
def torch_logits(loaded: LoadedModel, ids: list[int]) -> torch.Tensor:
    """The reference, (T, V)."""
    logits: torch.Tensor = loaded.model(torch.tensor([ids]))[0]
    return logits


def contents(loaded: LoadedModel, text: str | None, **more: Any) -> PageContents:
    """A page on a text, without anything computed in advance unless given."""
    given: dict[str, Any] = {"ablations": (), "snapshots": (), "title": "A page", **more}
    return PageContents(loaded=loaded, ids=encoded(loaded, text), **given)


def encoded(loaded: LoadedModel, text: str | None) -> tuple[int, ...]:
    """The ids of a text; for an encoder, with blanks."""
    return loaded.encode_prompt(text, blank="" if loaded.tokenizer.mask_id is None else "_")
