"""A Hugging Face folder back into a run: from its three files alone, whoever wrote them.

config.json says the shape, tokenizer.json the vocabulary, model.safetensors has the numbers; and
no size that the first two claim is believed before the third has the bytes for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from attn_cli.config.schema import Config, DataConfig, TrainConfig
from attn_cli.errors import InputError
from attn_cli.export.counterpart import Floats, reduced
from attn_cli.export.destination import telling_what_failed
from attn_cli.export.foreign import foreign_config
from attn_cli.export.names import Slot, huggingface
from attn_cli.export.vocabulary import tokenizer_from_file
from attn_cli.model.parameter_shapes import parameter_count, parameter_shapes
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.checkpoint_metadata import MAX_METADATA_BYTES, DatasetInfo, TrainerState
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import create_run
from attn_cli.text.tokenizer import Tokenizer

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
_HEADER_BYTES = 2**20
# Stored beside the weights by old versions of transformers: masks, which are not learned.
_BUFFERS = (".attn.bias", ".attn.masked_bias")


@dataclass(frozen=True)
class Arrived:
    """A model that came from elsewhere.

    Attributes:
        config: A whole configuration; what is not of the model is the default.
        tokenizer: Its vocabulary.
        weights: Its parameters by our names.
        bos_id: What a text begins after.
    """

    config: Config
    tokenizer: Tokenizer
    weights: dict[str, Floats]
    bos_id: int


def read_folder(folder: Path) -> Arrived:
    """Reads and checks a Hugging Face folder.

    Raises:
        InputError: A file is missing or damaged, or the model has no counterpart here.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "name one with a config.json")
    record = _read_json(folder / CONFIG)
    model, vocab_size = foreign_config(record, str(folder / CONFIG))
    path = folder / TOKENIZER
    tokenizer = tokenizer_from_file(_read_json(path), vocab_size, str(path))
    slots = huggingface(model)
    shapes = parameter_shapes(model, vocab_size)
    theirs = _read_weights(folder / WEIGHTS, 4 * parameter_count(shapes))
    theirs = _named_as_ours(theirs, slots)
    ours: dict[str, Floats] = {}
    for slot in slots:
        array, shape = theirs.pop(slot.theirs, None), slot.shape(shapes)
        if array is None or array.shape != shape:
            found = "missing" if array is None else f"{array.shape}"
            raise InputError(
                f"{folder / WEIGHTS}: {slot.theirs} is {found}, and {CONFIG} says {shape}",
                "the files of the folder are not of one model",
            )
        ours |= slot.taken_apart(array)
    if theirs:
        raise InputError(
            f"{folder / WEIGHTS}: {sorted(theirs)[0]} has no place in this model",
            "the files of the folder are not of one model",
        )
    model, ours = reduced(model, ours)
    bos = record.get("bos_token_id")
    bos_id = bos if type(bos) is int and 0 <= bos < vocab_size else tokenizer.document_separator_id
    name = folder.resolve().name
    data = DataConfig(text=[f"not known: imported from {name}"], tokenizer=tokenizer.kind)
    return Arrived(
        # In which format it was trained is not known; this one measures it as it is.
        Config(data=data, model=model, train=TrainConfig(precision="fp32")),
        tokenizer,
        ours,
        bos_id,
    )


def import_folder(folder: Path, out: Path | None) -> RunFolder:
    """Makes a run of a Hugging Face folder; all commands but `--resume` work with it.

    Args:
        folder: What to read.
        out: The run's folder; None for a new one under the folder of runs.

    Raises:
        InputError: The folder cannot be used, or `out` is not empty.
        OperationError: The run cannot be written.
    """
    arrived = read_folder(folder)
    # After all that can be refused was not: torch takes a second to import.
    import torch

    from attn_cli.model.build import build_model
    from attn_cli.runs.checkpoint_write import save_checkpoint

    name = folder.resolve().name
    model = build_model(arrived.config.model, arrived.tokenizer.vocab_size)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(arrived.weights[parameter_name]))
    run = create_run(out, name)
    try:
        with telling_what_failed(run.path), lock_run(run):
            run.check_unused()
            # The length 0 says that the text is not known.
            data = DatasetInfo(name=name, chars=0, sha256="", bos_id=arrived.bos_id)
            saved = save_checkpoint(
                run.checkpoints,
                model,
                {},
                {},
                arrived.config,
                arrived.tokenizer,
                data,
                TrainerState(finished=True),
            )
            run.set_pointer("latest", saved)
            run.set_pointer("best", saved)
            run.write_config_and_tokenizer(arrived.config, arrived.tokenizer)
    except BaseException:
        run.remove_if_empty(folder_too=out is None)
        raise
    return run


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = read_at_most(path, MAX_METADATA_BYTES)
        if len(raw) > MAX_METADATA_BYTES:
            raise InputError(f"{path} is larger than {MAX_METADATA_BYTES:,} bytes")
        record = json.loads(raw)
    except FileNotFoundError:
        raise InputError(f"{path} is missing", f"a folder to import has {CONFIG}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except RecursionError:
        raise InputError(f"{path} is damaged: nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged: {str(error).partition(chr(10))[0]}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path} is damaged: it is not a mapping")
    return record


def _read_weights(path: Path, most_bytes: int) -> dict[str, Floats]:
    """The tensors of a file, as float32."""
    # An output layer that is tied may be there a second time, and masks, which are small.
    most = 2 * most_bytes + _HEADER_BYTES
    try:
        # A buffer is as large as what is asked for, and a configuration may claim terabytes.
        data = read_at_most(path, min(most, path.stat().st_size))
    except FileNotFoundError:
        sharded = path.with_name(f"{path.name}.index.json").exists()
        raise InputError(
            f"{path} is missing" + (": the weights are in several files" if sharded else ""),
            "save the model as one file of safetensors: "
            'save_pretrained(folder, max_shard_size="100GB")',
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > most:
        raise InputError(f"{path} is larger than {CONFIG} says")
    try:
        found = deserialize(data)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path} is damaged: {str(error).partition(chr(10))[0]}") from None
    return {
        name: _as_floats(path, name, tensor)
        for name, tensor in found
        if not name.endswith(_BUFFERS)
    }


def _as_floats(path: Path, name: str, tensor: Mapping[str, Any]) -> Floats:
    """A tensor as float32, which holds each number of the narrower formats exactly."""
    kind, shape = tensor["dtype"], tuple(tensor["shape"])
    array: Floats
    if kind == "F32":
        array = np.frombuffer(tensor["data"], "<f4").reshape(shape)
    elif kind == "F16":
        array = np.frombuffer(tensor["data"], "<f2").astype(np.float32).reshape(shape)
    elif kind == "BF16":  # the upper half of a float32
        wide = np.frombuffer(tensor["data"], "<u2").astype(np.uint32) << 16
        array = wide.view(np.float32).reshape(shape)
    else:
        raise InputError(
            f"{path}: {name} holds {kind}, and weights here are float32",
            "save the model in float32",
        )
    if not np.isfinite(array).all():
        raise InputError(f"{path}: {name} holds what is no number")
    return array


def _named_as_ours(theirs: dict[str, Floats], slots: list[Slot]) -> dict[str, Floats]:
    """With GPT-2's prefix where a file leaves it out, and a tied output layer once.

    Raises:
        InputError: A tied output layer differs from the embedding.
    """
    embedding = next(slot.theirs for slot in slots if slot.ours == ("token_embedding.weight",))
    prefix = embedding.partition(".")[0] + "."
    if not any(name.startswith(prefix) for name in theirs):
        theirs = {
            name if name.startswith("lm_head") else prefix + name: array
            for name, array in theirs.items()
        }
    tied = all(slot.theirs != "lm_head.weight" for slot in slots)
    head = theirs.pop("lm_head.weight", None) if tied else None
    if head is not None and not np.array_equal(head, theirs.get(embedding, head)):
        raise InputError(
            f"{WEIGHTS}: lm_head.weight differs from {embedding}, and {CONFIG} says they are tied",
            f"set tie_word_embeddings to false in {CONFIG}",
        )
    return theirs
