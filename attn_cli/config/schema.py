"""The task and the four sections of a configuration: every key, its type, range and default.

The docstring under each field is what `attn configs --explain` prints.
"""

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from attn_cli.config.block_kinds import BlockName, block_kind

SourceNames = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


def _as_text(value: object) -> object:
    """The number of a column as text, so that it is named like any other."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ColumnName = Annotated[str, BeforeValidator(_as_text)]
Columns = Annotated[
    list[ColumnName], BeforeValidator(lambda value: value if isinstance(value, list) else [value])
]


def _known_encoding(name: str) -> str:
    try:
        "a\n".encode(name)
    except (LookupError, UnicodeError):
        from encodings.aliases import aliases

        texts = [pair for pair in aliases.items() if not pair[1].endswith(("_codec", "rot_13"))]
        known = {name.replace("_", "-") for pair in texts for name in pair}
        near = difflib.get_close_matches(name.lower().replace("_", "-"), known, 1)
        hint = f"did you mean {near[0]}?" if near else "as utf-8, latin-1, cp1252 or utf-16"
        raise ValueError(f"there is no encoding {name!r}: {hint}") from None
    return name


Task = Literal["lm", "mlm", "classify", "seq2seq"]
# The tasks that learn one record of a table at a time.
TASKS_OF_RECORDS = ("classify", "seq2seq")
# What may decide on the best checkpoint, where it is more than the loss.
_BEST_BY = {
    "classify": ("loss", "accuracy", "macro_f1"),
    "seq2seq": ("loss", "accuracy", "error_rate", "last"),
}
# Of what `train.best_by` may name, that of which less is better.
LOWER_IS_BETTER = ("loss", "error_rate")
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
PositiveInt = Annotated[int, Field(ge=1, le=10**9)]


class _Section(BaseModel):
    """Base of the sections: unknown keys and wrong types are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class DataConfig(_Section):
    """The text and how it is tokenized."""

    text: SourceNames = Field(default=["tales"], min_length=1)
    """File, folder, hf:PATH:COLUMN, built-in text, or "-" for standard input; one or a list."""
    column: Annotated[Columns, Field(min_length=1)] | None = None
    """Of tables (CSV, TSV, JSON lines, Parquet), the column to learn, by its name or its number
    from 1; default: files are read as they are. In task seq2seq the column of sources, or several;
    default: source, src or lemma, else the first."""
    label: ColumnName | None = None
    """The column of labels, in task classify; default: the second, and the first is the text."""
    features: Annotated[Columns, Field(min_length=1)] | None = None
    """In task seq2seq, the column of features such as N;GEN;SG, or several; each feature becomes
    one symbol after the source."""
    target: ColumnName | None = None
    """The column of targets, in task seq2seq; default: target, tgt or form, else the first that is
    left."""
    target_tokens: Literal["auto", "characters", "words"] = "auto"
    """What targets consist of, in task seq2seq: characters; words, which blanks separate, as in
    phonemes; auto: words where most targets are several short ones."""
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    """Encoding of files and standard input: utf-8, latin-1, cp1252, utf-16, ..."""
    tokenizer: Literal["auto", "printable", "corpus", "bytes"] = "printable"
    """printable: Python's 100 printable characters; corpus: those of the text; bytes: UTF-8;
    auto (for a text of your own): printable if at most 1 of its characters in 1,000 is not among
    the 100, else corpus."""
    unknown: Literal["transliterate", "error", "drop", "replace"] = "transliterate"
    """Characters outside the vocabulary: transliterate (to ASCII), error, drop, replace (by ?)."""
    records: Literal["stream", "lines"] = "stream"
    """stream: one text, in windows of block_size; lines: each line by itself, as in a list."""
    too_long: Literal["cut", "drop", "error"] = "cut"
    """Lines that do not fit into block_size: cut (to what fits), drop, error. In task seq2seq,
    pairs whose source or target does not fit: drop (the default there) or error."""
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Fraction held out for validation: the end of the text, or lines drawn at random; ignored if
    validation is given."""
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed by which lines are drawn for validation; equal lines stay together."""
    validation: Annotated[SourceNames, Field(min_length=1)] | None = None
    """A text to validate on, named as in text, instead of a part of the training text."""


class ModelConfig(_Section):
    """The transformer."""

    block: BlockName = "gpt2"
    """gpt2: LayerNorm and GELU; qwen3: RMSNorm, query/key norm and SwiGLU."""
    position: Literal["learned", "sinusoidal", "rope", "none"] = "learned"
    """Position encoding: learned, sinusoidal, rope (rotary) or none."""
    n_layer: Annotated[int, Field(ge=1, le=1000)] = 4
    """Transformer blocks (L)."""
    n_head: Annotated[int, Field(ge=1, le=1000)] = 4
    """Attention heads per block (H); must divide n_embd."""
    n_embd: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Embedding width, the model dimension (C)."""
    n_inner: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    """Feed-forward (MLP) width (F); default: 4 C in gpt2; 8/3 C, rounded up to 16s, in qwen3."""
    block_size: Annotated[int, Field(ge=1, le=1_048_576)] = 64
    """Context length in tokens (T)."""
    dropout: Fraction = 0.0
    """Dropout probability."""
    bias: bool = False
    """Whether linear layers and LayerNorms have biases; always false in qwen3."""
    tie_embeddings: bool = True
    """Whether the output layer shares the token embedding's weights."""
    ngrams: list[Annotated[int, Field(ge=2, le=16)]] = []
    """Lengths of n-grams, as 2, 3, 4, whose embeddings are added to those of the characters that
    they end with; default: none."""
    ngram_rows: PositiveInt = 16_384
    """Rows of the table of each length; its n-grams are hashed into them if there are more."""
    ngram_embd: Annotated[int, Field(ge=1, le=65_536)] = 32
    """Width of these tables; a linear layer takes all of them together to n_embd."""
    ngram_dropout: Fraction = 0.0
    """Probability that an n-gram is left out, in training."""
    label_ngrams: list[Annotated[int, Field(ge=1, le=16)]] = []
    """In task classify, lengths of n-grams, as 2, 3, 4, that have scores of their own for each
    label, added to those of the encoder; default: none."""
    label_ngram_rows: PositiveInt = 16_384
    """Rows of the table of each length, into which its n-grams are hashed."""
    label_ngram_dropout: Fraction = 0.0
    """Probability that an n-gram is left out, in training."""
    rope_theta: Annotated[float, Field(gt=1.0)] = 10_000.0
    """Base of the wavelengths of rotary position embeddings."""
    cross_rope: bool = True
    """With rope, in task seq2seq: whether cross-attention rotates its queries and keys too, by
    their positions in the target and in the source."""
    source_neighbours: bool = False
    """In task seq2seq: whether linear layers of the characters before and after each one of the
    source are added to its embedding (a convolution of width 3)."""

    @property
    def inner_width(self) -> int:
        """The feed-forward width F: `n_inner`, or its default."""
        if self.n_inner is not None:
            return self.n_inner
        if block_kind(self.block).feed_forward == "swiglu":
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
        if self.bias and not block_kind(self.block).biases:
            raise ValueError(f"block {self.block} has no biases: leave bias false")
        for key in ("ngrams", "label_ngrams"):
            if len(set(lengths := getattr(self, key))) < len(lengths):
                raise ValueError(f"{key} {lengths} names a length twice")
        return self


class TrainConfig(_Section):
    """How the model is trained."""

    steps: PositiveInt = 2000
    """Optimizer steps; ignored if minutes is given."""
    minutes: Annotated[float, Field(gt=0.0, le=525_600.0)] | None = None
    """Wall-clock budget in minutes; the learning-rate schedule then follows time."""
    max_epochs: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    """Passes through the training text after which the run ends in any case; default: no limit."""
    batch_size: PositiveInt = 12
    """Global batch size: sequences per optimizer step, over all processes."""
    micro_batch_size: Literal["auto"] | PositiveInt = "auto"
    """Sequences per forward and backward pass; gradients accumulate to batch_size."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw; muon: orthogonalised momentum for the matrices of the blocks, AdamW for the rest."""
    learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 1e-3
    """AdamW's peak learning rate."""
    matrix_learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 0.02
    """Muon's peak learning rate; same schedule."""
    table_learning_rate: Annotated[float, Field(gt=0.0, le=100.0)] = 0.02
    """Peak learning rate of the tables of model.ngrams; same schedule."""
    table_min_count: Annotated[int, Field(ge=0)] = 0
    """Rows of these tables that the training text needs fewer times than that stay zero: what is
    rare could only be learned by heart."""
    min_learning_rate: Annotated[float, Field(ge=0.0, le=100.0)] = 1e-4
    """AdamW's final learning rate; Muon's decays in proportion."""
    lr_schedule: Literal["cosine", "linear"] = "cosine"
    """Learning-rate decay after warm-up: cosine or linear."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = 100
    """Steps of linear learning-rate warm-up."""
    weight_decay: Annotated[float, Field(ge=0.0, le=100.0)] = 0.1
    """Decoupled weight decay, on matrices only."""
    beta1: Fraction = 0.9
    """AdamW's decay rate of the first moment."""
    beta2: Fraction = 0.99
    """AdamW's decay rate of the second moment."""
    grad_clip: Annotated[float, Field(ge=0.0)] = 1.0
    """Maximum global gradient norm; 0 disables clipping."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Compute dtype: fp32 or bf16; auto: bf16 if matrix products are measured to be faster."""
    muon_precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Dtype of Muon's own products: fp32 or bf16; auto: bf16 if they are measured to be faster."""
    compile: Literal["auto"] | bool = "auto"
    """Whether to torch.compile the blocks; auto: if the remaining steps amortise it."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """cpu, cuda or mps; auto: cuda, else mps, else cpu."""
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"
    """Threads on a CPU; auto: as many as are fastest, fewer while other work needs the cores."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1337
    """Seed of initialisation, data order and dropout."""
    log_every: PositiveInt = 10
    """Steps between lines of metrics.jsonl."""
    loggers: list[Literal["csv", "tensorboard", "trackio", "wandb"]] = []
    """Also log to csv, tensorboard, trackio or wandb; all but csv need the extra of that name."""
    mask_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3
    """Fraction of the characters that are hidden and predicted, in task mlm."""
    mask_span: Annotated[float, Field(ge=1.0, le=1000.0)] = 2.0
    """Mean length of the spans that are hidden, in task mlm."""
    label_smoothing: Fraction = 0.0
    """Probability that is spread evenly over all labels or characters in what is learned, in tasks
    classify and seq2seq; validation losses do not include it."""
    eval_every: PositiveInt = 250
    """Steps between evaluations of the whole validation split."""
    best_by: Literal["loss", "accuracy", "macro_f1", "error_rate", "last"] = "loss"
    """Which checkpoint is the best: by the lowest loss on the validation split; in tasks classify
    and seq2seq also by accuracy, in classify by macro_f1 (the mean F1 score over labels), in
    seq2seq by error_rate (edits per target character), or the last."""
    patience: PositiveInt | None = None
    """Early stopping: evaluations without a better best_by before the run ends; default: never."""
    checkpoint_every: PositiveInt = 250
    """Steps between checkpoints."""
    keep_checkpoints: PositiveInt = 2
    """Newest checkpoints to keep, besides the best."""
    init_from: str | None = None
    """Run or checkpoint to initialise the weights from."""

    @model_validator(mode="after")
    def _batch_divides(self) -> Self:
        if self.micro_batch_size != "auto" and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size ({self.batch_size}) is not divisible by "
                f"micro_batch_size ({self.micro_batch_size})"
            )
        if self.mask_fraction > self.mask_span * (1 - self.mask_fraction):
            raise ValueError(
                f"mask_fraction ({self.mask_fraction:g}) leaves no gaps between spans of "
                f"mask_span ({self.mask_span:g}) characters"
            )
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate ({self.min_learning_rate:g}) is above "
                f"learning_rate ({self.learning_rate:g})"
            )
        return self


class SampleConfig(_Section):
    """How text is sampled: during training, and by default in `attn generate`."""

    max_new_chars: PositiveInt = 500
    """Maximum number of characters to generate (bytes, with tokenizer: bytes)."""
    temperature: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.8
    """Sampling temperature: 0 is greedy, 1 leaves the probabilities unchanged."""
    top_k: PositiveInt | None = None
    """Sample from the k most probable characters; default: from all."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Nucleus sampling: from the smallest set with cumulative probability p; default: from all."""


class Config(_Section):
    """The configuration of a run: one YAML file."""

    task: Task = "lm"
    """lm: a decoder, which predicts the next character; mlm: an encoder, which predicts hidden
    characters from those on both sides; classify: an encoder with a head, which predicts the label
    of each record of a table; seq2seq: an encoder-decoder, which writes a target for a source."""
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    sample: SampleConfig = SampleConfig()

    @model_validator(mode="before")
    @classmethod
    def _some_tasks_are_of_records(cls, values: Any) -> Any:
        """With labels or targets a record is learned at a time: `data.records` need not say so."""
        if not isinstance(values, dict) or values.get("task") not in TASKS_OF_RECORDS:
            return values
        data = values.get("data", {})
        if isinstance(data, DataConfig):
            as_given = {name: getattr(data, name) for name in data.model_fields_set}
        elif isinstance(data, dict):
            as_given = data
        else:
            return values
        # A source or a target that is cut would be another one.
        too_long = {"too_long": "drop"} if values["task"] == "seq2seq" else {}
        return {**values, "data": {"records": "lines", **too_long, **as_given}}

    @model_validator(mode="after")
    def _task_fits(self) -> Self:
        if self.task in TASKS_OF_RECORDS and self.data.records != "lines":
            raise ValueError(
                f"what is learned is a record: data.records must be lines in task {self.task}"
            )
        if self.task != "lm" and self.data.tokenizer == "bytes":
            raise ValueError("data.tokenizer must not be bytes, which only task lm can learn")
        if self.task != "classify" and self.model.label_ngrams:
            raise ValueError("model.label_ngrams are scores of labels, in task classify alone")
        if self.model.ngrams and self.task == "seq2seq":
            raise ValueError("model.ngrams: an encoder-decoder has none; see source_neighbours")
        if self.task != "seq2seq" and self.model.source_neighbours:
            raise ValueError("model.source_neighbours is of sources, in task seq2seq alone")
        if self.task != "classify" and self.data.label is not None:
            raise ValueError("data.label is the column of labels, which only task classify learns")
        if self.task == "seq2seq":
            if self.data.too_long == "cut":
                raise ValueError("data.too_long: a pair is not cut; set it to drop or error")
        else:
            for key in ("target", "features"):
                if getattr(self.data, key) is not None:
                    raise ValueError(
                        f"data.{key} is the column of {key.rstrip('s')}s, which only task seq2seq "
                        "has"
                    )
            if len(self.data.column or ()) > 1:
                raise ValueError("data.column: only task seq2seq reads several columns")
        measured = _BEST_BY.get(self.task, ("loss",))
        if self.train.best_by not in measured:
            raise ValueError(
                f"train.best_by: in task {self.task} it is {' or '.join(measured)}, "
                f"not {self.train.best_by}"
            )
        return self

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Every key by its dotted name, `train.steps`, in the order of the schema."""
        return {
            f"{name}.{key}" if key else name: field
            for name, holder in cls.model_fields.items()
            for key, field in (
                type(holder.default).model_fields.items()
                if isinstance(holder.default, _Section)
                else [("", holder)]
            )
        }

    def flat(self) -> dict[str, Any]:
        """Every value by its dotted name."""
        return dict(self._flat())

    def _flat(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.model_dump().items():
            if isinstance(value, dict):
                yield from ((f"{name}.{key}", inner) for key, inner in value.items())
            else:
                yield name, value
