"""The README of a Hugging Face folder: what the model is, learned, measures and writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attn_cli import __version__
from attn_cli.export.vocabulary import replacement_symbol
from attn_cli.runs.loaded_model import TrainedModel
from attn_cli.runs.metrics import StepMetrics, nats_to_bits, read_metrics

_LONGEST_SAMPLE = 2_000  # characters


def model_card(model: TrainedModel) -> str:
    """The README, in Markdown with the header that Hugging Face's site reads."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: TrainedModel) -> Iterator[str]:
    state, config, tokenizer = model.checkpoint.metadata, model.config, model.tokenizer
    unit, shape = tokenizer.unit, config.model
    class_name = "Qwen3ForCausalLM" if shape.block == "qwen3" else "GPT2LMHeadModel"
    yield "---"
    yield "library_name: transformers"
    yield "pipeline_tag: text-generation"
    yield "tags: [attn, character-level]"
    yield "---"
    yield ""
    yield f"# {plain(model.name)}"
    yield ""
    yield f"A transformer that writes one {unit} at a time, trained by attn {__version__}:"
    yield (
        f"{state.parameters:,} parameters, {shape.n_layer} layers of {shape.n_head} heads, "
        f"{shape.n_embd} channels. It sees {shape.block_size:,} {unit}s at once."
    )
    yield ""
    yield "```python"
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
    yield ""
    yield 'folder = "."  # where this file is'
    yield "model = AutoModelForCausalLM.from_pretrained(folder)"
    yield "tokenizer = AutoTokenizer.from_pretrained(folder)"
    yield f'prompt = tokenizer("{_example(model)}", return_tensors="pt")'
    room = max(1, shape.block_size - 1)
    yield f"written = model.generate(**prompt, max_new_tokens={room})"
    yield "print(tokenizer.decode(written[0]))"
    yield "```"
    yield ""
    yield (
        f"It is a `{class_name}`; its logits are those of the original. A prompt and what is "
        f"written after it have to fit into {shape.block_size:,} {unit}s."
    )
    if tokenizer.kind != "bytes":
        yield (
            f"Its vocabulary is {tokenizer.vocab_size:,} characters; for any other it reads "
            f"{replacement_symbol(tokenizer)!r}."
        )
    yield ""
    yield "## Data"
    yield ""
    yield from _data(model)
    yield ""
    yield "## Losses"
    yield ""
    yield from _losses(model)
    yield ""
    yield "## Recipe"
    yield ""
    yield from _recipe(model)
    sample = model.folder.sample(state.step)[:_LONGEST_SAMPLE].strip("\n")
    if sample:
        yield ""
        yield "## Sample"
        yield ""
        yield f"What it wrote at step {state.step:,}, temperature {config.sample.temperature:g}:"
        yield ""
        yield from _fenced(sample)


def _example(model: TrainedModel) -> str:
    """A letter that the model knows, to begin with."""
    letters = [symbol for symbol in model.tokenizer.symbols if symbol.isalpha()]
    return "T" if "T" in letters or not letters else letters[0]


def _data(model: TrainedModel) -> Iterator[str]:
    data, config = model.checkpoint.metadata.data, model.config.data
    if not data.chars:
        yield "Not known: the model was imported."
        return
    yield (
        f"{plain(data.name)}, {data.chars:,} characters, SHA-256 `{data.sha256}`. The last "
        f"{config.validation_fraction:.0%} was not trained on."
    )


def _metrics(model: TrainedModel) -> StepMetrics | None:
    """What was measured at the checkpoint's step; None where the run kept nothing of it."""
    lines = [line for line in read_metrics(model.folder.metrics) if line.step == model.step]
    return lines[-1] if lines else None


def _losses(model: TrainedModel) -> Iterator[str]:
    state, unit = model.checkpoint.metadata, model.tokenizer.unit
    measured = _metrics(model)
    val_loss = measured.val_loss if measured else None
    if val_loss is None and state.best_step == state.step:
        val_loss = state.best_val_loss
    if val_loss is None:
        yield "Not measured."
        return
    yield f"| | nats per {unit} | bits per {unit} |"
    yield "|---|---|---|"
    yield f"| validation, exact | {val_loss:.4f} | {nats_to_bits(val_loss):.4f} |"
    if measured and measured.train_loss is not None:
        loss = measured.train_loss
        yield f"| training, of the last steps | {loss:.4f} | {nats_to_bits(loss):.4f} |"


def _recipe(model: TrainedModel) -> Iterator[str]:
    state, config = model.checkpoint.metadata, model.config
    if not state.step:
        yield "Not known: the model was imported."
        return
    train, shape, unit = config.train, config.model, model.tokenizer.unit
    yield (
        f"- {state.step:,} steps of {train.batch_size:,} sequences of {shape.block_size:,}: "
        f"{state.chars:,} {unit}s in {state.seconds:,.0f} s"
    )
    rates = f"step size {train.learning_rate:g} to {train.min_learning_rate:g}"
    if train.optimizer == "muon":
        rates += f", of matrices from {train.matrix_learning_rate:g}"
    yield (
        f"- {train.optimizer}, {rates}, {train.lr_schedule}, warm-up over {train.warmup_steps:,} "
        f"steps, weight decay {train.weight_decay:g}, gradients to {train.grad_clip:g}"
    )
    yield (
        f"- block {shape.block}, positions {shape.position}, "
        f"{'with' if shape.bias else 'no'} biases, "
        f"{'tied' if shape.tie_embeddings else 'untied'} embeddings, dropout {shape.dropout:g}"
    )
    yield f"- precision {train.precision}, seed {train.seed}; the weights are float32"
    if shape.block == "qwen3" and shape.dropout:
        yield "- Qwen3 has dropout in attention only: trained on elsewhere, it has less of it"


def _fenced(text: str) -> Iterator[str]:
    """A text as it is: the fence is longer than any in it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}text"
    yield "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)
    yield fence


def plain(name: str) -> str:
    """A name that means nothing to Markdown, in one line."""
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", shown)
