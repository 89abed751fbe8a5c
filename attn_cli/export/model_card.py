"""The README of a Hugging Face folder: what the model is, its data, losses, recipe and a sample."""

import json
import re
from collections.abc import Iterator

from attn_cli import __version__
from attn_cli.config.schema import ModelConfig
from attn_cli.export.compatibility import huggingface_class
from attn_cli.export.hf_tokenizer import MASK, replacement_symbol
from attn_cli.runs.checkpoint_metadata import TextInfo
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.metrics import StepMetrics, nats_to_bits, read_metrics
from attn_cli.text.display import escape_control_characters
from attn_cli.text.tokenizer import HIDDEN

_MAX_SAMPLE_LENGTH = 2_000  # characters
# Of each task: what Hugging Face's site calls it, and what the model does.
_TASKS = {
    "lm": ("text-generation", "generates one {unit} at a time"),
    "mlm": ("fill-mask", "fills blanks in a text"),
    "seq2seq": ("translation", "writes targets for sources, one {unit} at a time"),
}


def model_card(model: TrainedModel) -> str:
    """The README, in Markdown with the header that Hugging Face's site reads."""
    sections = {
        "Data": _data(model),
        "Losses": _losses(model),
        "Training": _training(model),
        "Sample": _sample(model),
    }
    lines = [_introduction(model)]
    for title, section in sections.items():
        if content := list(section):
            lines += ["", f"## {title}", "", *content]
    return "\n".join(lines) + "\n"


def _introduction(model: TrainedModel) -> str:
    """The header, what the model is, and how to load it."""
    tokenizer, shape = model.tokenizer, model.config.model
    unit = tokenizer.unit
    pipeline, does = _TASKS[model.config.task]
    card = f"""---
library_name: transformers
pipeline_tag: {pipeline}
tags: [attn, character-level]
---

# {plain(model.name)}

A transformer that {does.format(unit=unit)}, trained with attn {__version__}:
{model.checkpoint.metadata.parameters:,} parameters, {shape.n_layer} layers of \
{shape.n_head} heads, width {shape.n_embd}, context length {shape.block_size:,} {unit}s.

{_usage(model)}"""
    if tokenizer.kind != "bytes":
        card += (
            f"\nIts vocabulary has {tokenizer.vocab_size:,} characters; any other character is "
            f"replaced by {replacement_symbol(tokenizer)!r}."
        )
    return card


def _usage(model: TrainedModel) -> str:
    """Code that loads the model and uses it, and what to know about it."""
    shape, unit = model.config.model, model.tokenizer.unit
    class_name = huggingface_class(shape)
    trust = ", trust_remote_code=True" if shape.ngrams else ""
    prompt, auto = example_text(model), "AutoModelForCausalLM"
    imported = "AutoTokenizer"
    if model.config.task == "seq2seq":
        auto = "AutoModelForSeq2SeqLM"
        sources = ", ".join(map(python_literal, (prompt, 2 * prompt)))
        used = f"""sources = tokenizer([{sources}], padding=True, return_tensors="pt")
for target in tokenizer.batch_decode(model.generate(**sources), skip_special_tokens=True):
    print(target)"""
        note = f"""It is a `PegasusForConditionalGeneration` with the same logits as the original. \
The tokenizer ends each source with the newline, as the model ends each target. A source and its \
newline must fit into {shape.block_size:,} {unit}s."""
    elif model.config.task == "lm":
        used = f"""prompt = tokenizer({python_literal(prompt)}, return_tensors="pt")
output = model.generate(**prompt, max_new_tokens={max(1, shape.block_size - len(prompt))})
print(tokenizer.decode(output[0]))"""
        note = f"""It is a `{class_name}` with the same logits as the original. The prompt and the \
generated text together must fit into {shape.block_size:,} {unit}s."""
    else:
        imported = "AutoTokenizer, pipeline"
        used = f"""fill = pipeline("fill-mask", model=model, tokenizer=tokenizer)
for guess in fill({python_literal(prompt + MASK)}):
    print(repr(guess["token_str"]), guess["score"])"""
        note = f"""It is a `{class_name}` with the same logits as the original, whose attention \
sees both sides: `is_causal` is false in config.json. transformers before 5.3 ignore that, and \
their predictions are wrong. A text must fit into {shape.block_size:,} {unit}s\
{", with the newline that each begins with" * model.lines}."""
    return f"""```python
from transformers import {auto}, {imported}

folder = "."  # the folder of this file
model = {auto}.from_pretrained(folder{trust})
tokenizer = AutoTokenizer.from_pretrained(folder{trust})
{used}
```

{note}{_own_code(shape)}"""


def _own_code(shape: ModelConfig) -> str:
    """A paragraph on the code that the folder comes with, where it does."""
    if not shape.ngrams:
        return ""
    base = huggingface_class(shape).removeprefix("Attn")
    return f"""

Its class is code of this folder, `modeling_attn.py`: a `{base}` that adds embeddings of n-grams \
(lengths {", ".join(map(str, shape.ngrams))}) to those of characters. transformers run such code \
only with `trust_remote_code=True`; read it first."""


def example_text(model: TrainedModel) -> str:
    """The beginning of a text in the model's script, or a source, for code that uses it."""
    if model.config.task == "seq2seq":
        return next(filter(str.isalnum, model.tokenizer.symbols))
    letters = [symbol for symbol in model.tokenizer.symbols if symbol.isalpha()]
    letter = "T" if "T" in letters or not letters else letters[0]
    return "\n" * model.lines + letter


def python_literal(text: str) -> str:
    """The text as a literal of Python."""
    return json.dumps(text, ensure_ascii=False)


def _data(model: TrainedModel) -> Iterator[str]:
    data, config = model.checkpoint.metadata.data, model.config.data
    if not data.chars:
        yield "Unknown: the model was imported."
        return
    part = f"{config.validation_fraction:.0%}"
    held_out = f"The last {part} was held out for validation."
    if model.lines:
        held_out = f"Of its lines, {part} were held out for validation, drawn at random."
    if data.validation is not None:
        held_out = f"Validated on {_text(data.validation)}."
    yield f"{_text(data)}. {held_out}"
    if model.config.task == "seq2seq":
        yield "Each of its lines is a source, a tab and its target."
    elif model.lines:
        yield "It learned each line by itself: a line begins after a newline and ends with one."


def _text(text: TextInfo) -> str:
    return f"{plain(text.name)}, {text.chars:,} characters, SHA-256 `{text.sha256}`"


def _metrics(model: TrainedModel) -> StepMetrics | None:
    """The metrics at the checkpoint's step; None where the run has none."""
    lines = [line for line in read_metrics(model.folder.metrics) if line.step == model.step]
    return lines[-1] if lines else None


def _losses(model: TrainedModel) -> Iterator[str]:
    metadata, metrics = model.checkpoint.metadata, _metrics(model)
    kind = {"mlm": "hidden ", "seq2seq": "target "}.get(model.config.task, "")
    unit = kind + model.tokenizer.unit
    val_loss = metrics.val_loss if metrics else None
    if val_loss is None and metadata.best_step == metadata.step:
        val_loss = metadata.best_val_loss
    if val_loss is None:
        yield "Not measured."
        return
    yield f"| | nats per {unit} | bits per {unit} |"
    yield "|---|---|---|"
    yield f"| validation, exact | {val_loss:.4f} | {nats_to_bits(val_loss):.4f} |"
    if metrics and metrics.train_loss is not None:
        loss = metrics.train_loss
        yield f"| training, mean of the last steps | {loss:.4f} | {nats_to_bits(loss):.4f} |"


def _training(model: TrainedModel) -> Iterator[str]:
    metadata, config = model.checkpoint.metadata, model.config
    if not metadata.step:
        yield "Unknown: the model was imported."
        return
    train, shape, unit = config.train, config.model, model.tokenizer.unit
    sequences = "pairs of up to" if config.task == "seq2seq" else "sequences of"
    yield (
        f"- {metadata.step:,} steps of {train.batch_size:,} {sequences} {shape.block_size:,} "
        f"{unit}s: {metadata.chars:,} {unit}s in {metadata.seconds:,.0f} s"
    )
    rates = f"learning rate {train.learning_rate:g} to {train.min_learning_rate:g}"
    if train.optimizer == "muon":
        rates += f" ({train.matrix_learning_rate:g} at first for matrices)"
    yield (
        f"- {train.optimizer}, {rates}, {train.lr_schedule} schedule, {train.warmup_steps:,} "
        f"warm-up steps, weight decay {train.weight_decay:g}, gradient clipping at "
        f"{train.grad_clip:g}"
    )
    if model.config.task == "mlm":
        yield (
            f"- {train.mask_fraction:.0%} of the {unit}s hidden, in spans of "
            f"{train.mask_span:g} on average"
        )
    yield (
        f"- block {shape.block}, positions {shape.position}, "
        f"{'with' if shape.bias else 'no'} biases, "
        f"{'tied' if shape.tie_embeddings else 'untied'} embeddings, dropout {shape.dropout:g}"
    )
    yield f"- precision {train.precision}, seed {train.seed}; the weights are float32"
    if shape.block == "qwen3" and shape.dropout:
        yield "- Qwen3 has dropout in attention only, so further training elsewhere uses less of it"


def _sample(model: TrainedModel) -> Iterator[str]:
    """The text generated at the checkpoint's step, in a fence longer than any in it."""
    text = model.folder.sample(model.step)[:_MAX_SAMPLE_LENGTH].strip("\n")
    if not text:
        return
    temperature = model.config.sample.temperature
    if model.config.task == "lm":
        yield f"Generated at step {model.step:,} with temperature {temperature:g}:"
    elif model.config.task == "seq2seq":
        yield f"Validation sources, and what the model of step {model.step:,} writes for them:"
    else:
        yield f"A text with blanks ({HIDDEN}), and how the model of step {model.step:,} fills them:"
    yield ""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}text"
    yield escape_control_characters(text)
    yield fence


def plain(name: str) -> str:
    """A name in one line, with Markdown's special characters escaped."""
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", shown)
