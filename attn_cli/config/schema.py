"""The four sections of a configuration, every key with its unit, range and default.

The sentence under each field is what `attn configs --explain` prints.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Text = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1, le=10**9)]


class Section(BaseModel):
    """A part of a configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class DataConfig(Section):
    """The text and how it becomes numbers."""

    text: Text = Field(default=["tales"], min_length=1)
    """Files, folders, hf:PATH:COLUMN, built-in names, or "-" for standard input; one or a list."""
    tokenizer: Literal["printable", "corpus", "bytes"] = "printable"
    """printable: Python's 100 printable characters; corpus: those of the text; bytes: 256."""
    unknown: Literal["transliterate", "error", "drop", "replace"] = "transliterate"
    """What happens to characters of the text that the tokenizer does not know."""
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Share of the text, at its end, that is never trained on and measures the model."""


class ModelConfig(Section):
    """The transformer."""

    block: Literal["gpt2", "qwen3"] = "gpt2"
    """gpt2: LayerNorm and GELU; qwen3: RMSNorm, query/key norm and SwiGLU."""
    position: Literal["learned", "sinusoidal", "rope", "none"] = "learned"
    """How the model knows where a character stands."""
    n_layer: Annotated[int, Field(ge=1, le=1000)] = 4
    """Layers (L)."""
    n_head: Annotated[int, Field(ge=1, le=1000)] = 4
    """Attention heads a layer (H); n_embd must be divisible by it."""
    n_embd: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Channels (C)."""
    n_inner: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    """Feed-forward width (F); left out: 4 C for gpt2, 8/3 C rounded up to 16s for qwen3."""
    block_size: Annotated[int, Field(ge=1, le=1_048_576)] = 64
    """The longest text that attention sees at once, in characters (T)."""
    dropout: Share = 0.0
    """Share of activations set to zero in training."""
    bias: bool = False
    """Whether linear layers and LayerNorms have biases."""
    tie_embeddings: bool = True
    """Whether the output layer shares the weights of the token embedding."""
    rope_theta: Annotated[float, Field(gt=1.0)] = 10_000.0
    """Base of the rotary positions' wavelengths."""

    @property
    def inner_width(self) -> int:
        """The feed-forward width F that `n_inner` says or leaves open."""
        if self.n_inner is not None:
            return self.n_inner
        if self.block == "qwen3":
            return -(-8 * self.n_embd // (3 * 16)) * 16
        return 4 * self.n_embd

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd ({self.n_embd}) is not divisible by n_head ({self.n_head})")
        head_size = self.n_embd // self.n_head
        if self.position == "rope" and head_size % 2:
            raise ValueError(f"rope needs an even head size, not n_embd / n_head = {head_size}")
        if self.position == "sinusoidal" and self.n_embd % 2:
            raise ValueError(f"sinusoidal positions need an even n_embd, not {self.n_embd}")
        if self.block == "qwen3" and self.bias:
            raise ValueError("block qwen3 has no biases: leave bias false")
        return self


class TrainConfig(Section):
    """How the model learns."""

    steps: Count = 2000
    """Optimizer steps; not used where `minutes` is given."""
    minutes: Annotated[float, Field(gt=0.0, le=525_600.0)] | None = None
    """Time for the whole run, in minutes; the schedule then runs over time."""
    batch_size: Count = 12
    """Sequences a step, all processes together."""
    micro_batch_size: Literal["auto"] | Count = "auto"
    """Sequences in memory at once; gradients are summed up to batch_size. auto: by the machine."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw: for all; muon: orthogonalised momentum for the matrices inside the blocks."""
    learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 1e-3
    """AdamW's highest step size, after warm-up."""
    matrix_learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 0.02
    """Muon's highest step size; it follows the same schedule."""
    min_learning_rate: Annotated[float, Field(ge=0.0, le=100.0)] = 1e-4
    """AdamW's step size at the end; Muon's falls by the same share."""
    lr_schedule: Literal["cosine", "linear"] = "cosine"
    """How the step size comes down after warm-up: half a cosine, or a straight line."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 100
    """Steps over which the step size rises from near 0."""
    weight_decay: Annotated[float, Field(ge=0.0, le=100.0)] = 0.1
    """How strongly matrices are pulled to 0 (never norms or biases)."""
    beta1: Share = 0.9
    """AdamW's memory of the gradient."""
    beta2: Share = 0.99
    """AdamW's memory of the squared gradient."""
    grad_clip: Annotated[float, Field(ge=0.0)] = 1.0
    """The longest gradient that is applied as it is; 0: no limit."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of matrix products; auto: bf16 where this machine is faster at it."""
    compile: Literal["auto"] | bool = "auto"
    """Whether to compile the blocks; auto: where minutes of training are left to repay it."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto: cuda, else mps, else cpu."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1337
    """Decides the first weights, the order of the text and dropout."""
    log_every: Count = 10
    """Steps between lines in metrics.jsonl."""
    loggers: list[Literal["csv", "tensorboard", "trackio", "wandb"]] = []
    """Also log to csv, tensorboard, trackio, wandb; all but csv need the extra of that name."""
    eval_every: Count = 250
    """Steps between exact evaluations of the validation split."""
    patience: Count | None = None
    """Evaluations in a row without a better loss that end the run; left out: none do."""
    checkpoint_every: Count = 250
    """Steps between checkpoints."""
    keep_checkpoints: Count = 2
    """How many of the newest checkpoints stay on disk, beside the best."""
    init_from: str | None = None
    """Run or checkpoint to initialise the weights from."""

    @model_validator(mode="after")
    def _batch_divides(self) -> Self:
        if self.micro_batch_size != "auto" and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size ({self.batch_size}) is not divisible by "
                f"micro_batch_size ({self.micro_batch_size})"
            )
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate ({self.min_learning_rate:g}) is above "
                f"learning_rate ({self.learning_rate:g})"
            )
        return self


class SampleConfig(Section):
    """How the model writes, while it trains and in `attn generate`."""

    max_new_chars: Count = 500
    """The most characters to write."""
    temperature: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.8
    """How freely to choose: 0 always takes the likeliest character, 1 the model's own odds."""
    top_k: Count | None = None
    """Choose among this many likeliest characters."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Choose among the fewest characters that together are this likely."""


class Config(Section):
    """A whole run: one YAML file."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    sample: SampleConfig = SampleConfig()
