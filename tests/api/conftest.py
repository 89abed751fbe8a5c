"""The run that all tests share, loaded from Python."""

from __future__ import annotations

import pytest

import attn_cli as attn_api
from tests.conftest import Trained


@pytest.fixture(scope="session")
def model(trained: Trained) -> attn_api.Model:
    return attn_api.load(trained.run.path)


@pytest.fixture(scope="session")
def translator(trained_translator: Trained) -> attn_api.Model:
    """The encoder-decoder that they share."""
    return attn_api.load(trained_translator.run.path)
