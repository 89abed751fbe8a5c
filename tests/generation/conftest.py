"""Tiny models of every kind, with weights large enough that a mistake shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import pytest
import torch

from attn_cli.config.block_kinds import BlockName, block_kind
from attn_cli.config.schema import ModelConfig
from attn_cli.generation.next_token_model import NextTokenModel
from attn_cli.generation.numpy_model import KNOWN, NumpyModel
from attn_cli.generation.torch_model import TorchModel
from attn_cli.model.build import build_model
from attn_cli.model.transformer import Transformer

VOCAB = 19
BLOCK = 11


def make_model(config: ModelConfig, vocab_size: int = VOCAB) -> Transformer:
    """A model with random weights, none of them zero or one."""
    torch.manual_seed(0)
    model = build_model(config, vocab_size).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if name.endswith("norm.weight") else 0.0
            parameter.copy_(centre + 0.3 * torch.randn_like(parameter))
    return model


def in_numpy(model: Transformer) -> NumpyModel:
    return NumpyModel(model.config, model.state_arrays())


def kinds(blocks: Sequence[BlockName] = ("gpt2", "qwen3")) -> list[ModelConfig]:
    """These blocks, all positions, with and without biases and tied embeddings."""
    return [
        ModelConfig(n_layer=2, n_head=3, n_embd=42, n_inner=23, block_size=BLOCK, block=block,
                    position=position, bias=bias, tie_embeddings=tied)
        for block in blocks
        for position in ("learned", "sinusoidal", "rope", "none")
        for bias in (True, False)
        for tied in (True, False)
        if not bias or block_kind(block).biases
    ]  # fmt: skip


# A table with a row for every pair, one with a row for several n-grams, and either by itself.
NGRAMS = [
    ModelConfig(n_layer=2, n_head=3, n_embd=42, block_size=BLOCK, block=block, ngrams=lengths,
                ngram_rows=500, ngram_embd=7)
    for block, lengths in product(sorted(KNOWN["block"]), ([2, 5], [2], [3]))
]  # fmt: skip


def describe(config: ModelConfig) -> str:
    ngrams = "".join(f"-{n}gram" for n in config.ngrams)
    tied = "-tied" * config.tie_embeddings
    return f"{config.block}-{config.position}{'-bias' * config.bias}{tied}{ngrams}"


@pytest.fixture(params=[*kinds(sorted(KNOWN["block"])), *NGRAMS], ids=describe)
def model(request: pytest.FixtureRequest) -> Transformer:
    """One of every kind."""
    return make_model(request.param)


@pytest.fixture
def one_model() -> Transformer:
    """One that stands for all where the kind does not matter."""
    config = ModelConfig(n_layer=2, n_head=3, n_embd=42, block_size=BLOCK, ngrams=[2, 4])
    return make_model(config)


@pytest.fixture(params=[in_numpy, TorchModel], ids=["numpy", "torch"])
def as_next_token_model(request: pytest.FixtureRequest) -> Callable[[Transformer], NextTokenModel]:
    """Both implementations: tests that take this hold for each of them."""
    return request.param
