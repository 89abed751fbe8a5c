"""A run from a Hugging Face folder: from its three files alone, whoever wrote them.

config.json has the configuration, tokenizer.json the vocabulary, model.safetensors the weights.
No size that the first two claim is believed unless the third has the bytes for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from attn_cli.config.schema import Config, DataConfig, Task, TrainConfig
from attn_cli.errors import InputError
from attn_cli.export.compatibility import Floats, strip_padding
from attn_cli.export.hf_config import config_from_hf
from attn_cli.export.hf_tokenizer import HINT, tokenizer_from_file
from attn_cli.export.output import translate_write_errors
from attn_cli.export.weight_map import WeightMapping, huggingface_map
from attn_cli.model.parameter_shapes import parameter_count, parameter_shapes
from attn_cli.runs.atomic_files import read_at_most
from attn_cli.runs.checkpoint_metadata import MAX_METADATA_BYTES, DatasetInfo, TrainerState
from attn_cli.runs.lock import lock_run
from attn_cli.runs.run_creation import create_run
from attn_cli.runs.run_folder import RunFolder, is_run
from attn_cli.text.tokenizer import Tokenizer

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
_HEADER_BYTES = 2**20
_PICKLES = (".pt", ".pth", ".ckpt", ".bin")
_SUBWORDS = ("merges.txt", "tokenizer.model", "spiece.model", "vocab.txt")
# Causal masks, stored beside the weights by old versions of transformers.
_BUFFERS = (".attn.bias", ".attn.masked_bias")


@dataclass(frozen=True)
class ImportedModel:
    """A model of a Hugging Face folder."""

    config: Config  # its configuration, with defaults for everything but the model
    tokenizer: Tokenizer
    weights: dict[str, Floats]  # its parameters by our names
    bos_id: int  # the id that a text begins after


def read_folder(folder: Path) -> ImportedModel:
    """The model of a Hugging Face folder, checked.

    Raises:
        InputError: A file is missing or damaged, or the model has no counterpart here.
    """
    _check_folder(folder)
    record = _read_json(folder / CONFIG)
    model, vocab_size = config_from_hf(record, str(folder / CONFIG))
    task: Task = "lm" if record.get("is_causal", True) else "mlm"
    path = folder / TOKENIZER
    tokenizer = tokenizer_from_file(
        _read_json(path), vocab_size, str(path), with_mask=task == "mlm"
    )
    mappings = huggingface_map(model)
    shapes = parameter_shapes(model, vocab_size)
    external = _read_weights(folder / WEIGHTS, 4 * parameter_count(shapes))
    external = _with_standard_names(external, mappings)
    internal: dict[str, Floats] = {}
    for mapping in mappings:
        array, shape = external.pop(mapping.external, None), mapping.shape(shapes)
        if array is None or array.shape != shape:
            found = "missing" if array is None else f"{array.shape}"
            raise InputError(
                f"{folder / WEIGHTS}: {mapping.external} is {found}, and {CONFIG} says {shape}",
                "the files of the folder are not of one model",
            )
        internal |= mapping.to_internal(array)
    if external:
        raise InputError(
            f"{folder / WEIGHTS}: {sorted(external)[0]} is not part of this model",
            "the files of the folder are not of one model",
        )
    model, internal = strip_padding(model, internal)
    bos = record.get("bos_token_id")
    bos_id = bos if type(bos) is int and 0 <= bos < vocab_size else tokenizer.document_separator_id
    name = folder.resolve().name
    data = DataConfig(text=[f"not known: imported from {name}"], tokenizer=tokenizer.kind)
    return ImportedModel(
        # Its training precision is not known; fp32 evaluates it exactly.
        Config(task=task, data=data, model=model, train=TrainConfig(precision="fp32")),
        tokenizer,
        internal,
        bos_id,
    )


def import_folder(folder: Path, out: Path | None) -> RunFolder:
    """Imports a Hugging Face folder as a run, which can do everything but be resumed.

    Where `out` is None, the run gets a new folder under `runs_root()`.

    Raises:
        InputError: The folder cannot be used, or `out` is not empty.
        OperationError: The run cannot be written.
    """
    imported = read_folder(folder)
    # torch takes a second to import, so only after everything was checked.
    import torch

    from attn_cli.model.build import build_model
    from attn_cli.runs.checkpoint import save_checkpoint

    name = folder.resolve().name
    config, tokenizer = imported.config, imported.tokenizer
    model = build_model(config.model, tokenizer.vocab_size, config.task)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(imported.weights[parameter_name]))
    run = create_run(out, name)
    try:
        with translate_write_errors(run.path), lock_run(run):
            run.check_unused()
            # chars=0: the text is not known.
            data = DatasetInfo(name=name, chars=0, sha256="", bos_id=imported.bos_id)
            saved = save_checkpoint(
                run.checkpoints,
                model,
                {},
                {},
                config,
                tokenizer,
                data,
                TrainerState(finished=True),
            )
            run.set_pointer("latest", saved)
            run.set_pointer("best", saved)
            run.write_config_and_tokenizer(config, tokenizer)
    except BaseException:
        run.remove_if_empty(folder_too=out is None)
        raise
    return run


def _check_folder(folder: Path) -> None:
    """Refuses what is no Hugging Face folder by what it is.

    Raises:
        InputError: It is another thing, or without a file that is needed.
    """
    pickle = folder if folder.suffix in _PICKLES else folder / "ckpt.pt"
    if pickle.is_file() and not (folder / CONFIG).exists():
        raise InputError(
            f"{pickle} is a PyTorch checkpoint, such as nanoGPT writes",
            "its vocabulary is not in it, and a pickle can run code: train the text again "
            "(attn train TEXT --config nanogpt-cpu), or save it as a Hugging Face folder",
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "name one with a config.json")
    if is_run(folder):
        raise InputError(f"{folder} is a run already", f"use it: attn generate --run {folder}")
    if (folder / CONFIG).exists() and not (folder / TOKENIZER).exists():
        subwords = [name for name in _SUBWORDS if (folder / name).exists()]
        raise InputError(
            f"{folder / TOKENIZER} is missing",
            f"{HINT}; this one has {subwords[0]}, of subwords"
            if subwords
            else f"{HINT}; AutoTokenizer.from_pretrained(...).save_pretrained(folder) writes it",
        )


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


def _read_weights(path: Path, weight_bytes: int) -> dict[str, Floats]:
    """The tensors of a file, as float32."""
    # A tied output layer may be there twice, and causal masks, which are small.
    max_bytes = 2 * weight_bytes + _HEADER_BYTES
    try:
        # The buffer is as large as the limit, and a configuration may claim terabytes.
        data = read_at_most(path, min(max_bytes, path.stat().st_size))
    except FileNotFoundError:
        sharded = path.with_name(f"{path.name}.index.json").exists()
        raise InputError(
            f"{path} is missing" + (": the weights are in several files" if sharded else ""),
            "save the model as one file of safetensors: "
            'save_pretrained(folder, max_shard_size="100GB")',
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > max_bytes:
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
    """A tensor in float32, which represents every number of the narrower formats exactly."""
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
        raise InputError(f"{path}: {name} has numbers that are not finite")
    return array


def _with_standard_names(
    external: dict[str, Floats], mappings: list[WeightMapping]
) -> dict[str, Floats]:
    """The tensors with the prefix that some files leave out, and a tied output layer once.

    Raises:
        InputError: A tied output layer differs from the embedding.
    """
    embedding = next(
        mapping.external for mapping in mappings if mapping.internal == ("token_embedding.weight",)
    )
    prefix = embedding.partition(".")[0] + "."
    if not any(name.startswith(prefix) for name in external):
        external = {
            name if name.startswith("lm_head") else prefix + name: array
            for name, array in external.items()
        }
    tied = all(mapping.external != "lm_head.weight" for mapping in mappings)
    head = external.pop("lm_head.weight", None) if tied else None
    if head is not None and not np.array_equal(head, external.get(embedding, head)):
        raise InputError(
            f"{WEIGHTS}: lm_head.weight differs from {embedding}, and {CONFIG} says they are tied",
            f"set tie_word_embeddings to false in {CONFIG}",
        )
    return external
