"""A model as one GGUF file, for llama.cpp and what is built on it: Ollama, LM Studio.

The tokenizer is llama.cpp's `llama`: each character is a piece of its own of score 0, and with no
longer pieces nothing is ever merged. It writes the space as U+2581. Its `gpt2` kind would drop
characters. Special ids that are left out have defaults that are ordinary characters here, so
all are said. Bytes are pieces of the kind BYTE, but for the space.

llama.cpp stops at one id in every vocabulary, and writes on after all others. Here that is the
form feed, which a model that has learned from a single text never writes. A vocabulary without
one gets it as an id more, which is suppressed; where that is not known, its score is the mean of
all others, and so never the highest.

Sources: the GGUF specification (ggml's docs/gguf.md); llama.cpp's llama-vocab.cpp, gpt2.cpp and
qwen3.cpp. Needs no torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from attn_cli import __version__
from attn_cli.errors import InputError
from attn_cli.export.compatibility import (
    NO_ROTATION_FACTOR,
    Floats,
    check_exportable,
    check_without_ngrams,
    pad_to_gpt2,
)
from attn_cli.export.hf_tokenizer import replacement_symbol
from attn_cli.export.output import translate_write_errors
from attn_cli.export.weight_map import gguf_map
from attn_cli.packages import require_package
from attn_cli.runs.atomic_files import TMP_SUFFIX, sync_file, sync_folder
from attn_cli.runs.loaded_model import TrainedModel

if TYPE_CHECKING:
    import gguf

SPACE = "\u2581"
OWN = "attn.version"
_HEAD = 65_536  # bytes in which that stands
_BLOCK = 32  # numbers that share a scale in Q8_0
END = "\f"
_BY_ID = ("token_embd.weight", "output.weight")  # the tensors that have a row for each id


# How the matrices are stored; norms, biases and positions are always float32.
NumberType = Literal["f32", "f16", "q8_0"]


def write_gguf(out: Path, model: TrainedModel, number_type: NumberType) -> int:
    """Writes the file, replacing an earlier export; returns its size in bytes.

    Raises:
        InputError: The package is missing, the model has something that the architecture, the
            tokenizer or the type cannot express, or another file is there.
        CheckpointError: The weights are missing or damaged.
        OperationError: It cannot be written; what was there before is unchanged.
    """
    check_output_file(out)
    require_package("attn export gguf", "gguf")
    check_exportable(model.config.model, "the gguf export")
    check_without_ngrams(model.config.model, "the gguf export")
    _require_widths(model, number_type)
    pieces, types = _pieces(model)
    weights = pad_to_gpt2(model.config.model, model.weights)

    import gguf

    with translate_write_errors(out):
        home = out.resolve()
        temporary = home.with_name(f".{home.name}.{os.getpid()}{TMP_SUFFIX}")
        writer = gguf.GGUFWriter(temporary, model.config.model.block)
        _add_settings(writer, model, number_type)
        _add_vocabulary(writer, model, pieces, types)
        for mapping in gguf_map(model.config.model):
            array = mapping.to_external(weights)
            if mapping.external in _BY_ID and len(pieces) > len(array):
                array = np.vstack((array, array.mean(axis=0, keepdims=True)))  # (V + 1, C)
            matrix = array.ndim == 2 and mapping.external != "position_embd.weight"
            _add_tensor(writer, mapping.external, array, number_type if matrix else "f32")
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            sync_file(temporary)
            temporary.replace(home)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(home.parent)
        return home.stat().st_size


def check_output_file(out: Path) -> None:
    """Makes sure that writing the file loses nothing.

    Raises:
        InputError: There is another file, or no file can be there.
    """
    if str(out) == "-":
        raise InputError("a GGUF export needs a file of its own", "name one, such as model.gguf")
    try:
        with out.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        if not out.parent.is_dir():
            raise InputError(f"there is no folder {out.parent}", "make it first") from None
        return
    except OSError as error:
        raise InputError(f"{out} is not a writable file: {error.strerror}") from None
    if not (head.startswith(b"GGUF") and OWN.encode() in head):
        raise InputError(f"{out} exists, and is not an export of attn", "name another file")


def _require_widths(model: TrainedModel, number_type: NumberType) -> None:
    """Refuses widths that Q8_0 cannot pack: it needs rows of whole blocks of 32."""
    if number_type != "q8_0":
        return
    config = model.config.model
    for option, width in (("n_embd", config.n_embd), ("n_inner", config.inner_width)):
        if width % _BLOCK:
            raise InputError(
                f"`number_type` q8_0 needs widths that are multiples of {_BLOCK}: "
                f"model.{option} is {width:,}",
                "use `number_type` f16 or f32",
            )


def _pieces(model: TrainedModel) -> tuple[list[str], list[gguf.TokenType]]:
    """llama.cpp's piece and type of each id, with one more id where no form feed is among them."""
    from gguf import TokenType

    tokenizer = model.tokenizer
    if tokenizer.kind == "bytes":
        pieces = [SPACE if byte == ord(" ") else f"<0x{byte:02X}>" for byte in range(256)]
        return pieces, [TokenType.NORMAL if piece == SPACE else TokenType.BYTE for piece in pieces]
    if SPACE in tokenizer.symbols:
        raise InputError(
            f"the vocabulary has {SPACE} (U+2581), which llama.cpp takes for a space",
            "train on a text without it, or export hf or onnx",
        )
    pieces = [SPACE if symbol == " " else symbol for symbol in tokenizer.symbols]
    types = [TokenType.NORMAL] * len(pieces)
    if "\0" in pieces:  # ends a string in C; as a byte it has a name
        nul = pieces.index("\0")
        pieces[nul], types[nul] = "<0x00>", TokenType.BYTE
    if END not in pieces:
        pieces.append(END)
        types.append(TokenType.CONTROL)
    return pieces, types


def _add_settings(writer: gguf.GGUFWriter, model: TrainedModel, number_type: NumberType) -> None:
    import gguf

    config = model.config.model
    writer.add_string(OWN, __version__)
    writer.add_name(model.name)
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.block_size)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.inner_width)
    writer.add_head_count(config.n_head)
    if config.block == "qwen3":
        head_size = config.n_embd // config.n_head
        writer.add_head_count_kv(config.n_head)
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
        writer.add_rope_dimension_count(head_size)
        writer.add_rope_freq_base(config.rope_theta)
        if config.position == "none":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(NO_ROTATION_FACTOR)
        writer.add_layer_norm_rms_eps(1e-6)
    else:
        writer.add_layer_norm_eps(1e-5)
    types = gguf.LlamaFileType
    file_types = {"f32": types.ALL_F32, "f16": types.MOSTLY_F16, "q8_0": types.MOSTLY_Q8_0}
    writer.add_file_type(file_types[number_type])
    if number_type == "q8_0":
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_vocabulary(
    writer: gguf.GGUFWriter, model: TrainedModel, pieces: list[str], types: list[gguf.TokenType]
) -> None:
    vocab_size, of_bytes = model.tokenizer.vocab_size, model.tokenizer.kind == "bytes"
    end_id = ord(END) if of_bytes else pieces.index(END)
    eos_id = model.bos_id if model.lines else end_id
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * len(pieces))
    writer.add_token_types(types)
    writer.add_bos_token_id(model.bos_id)
    writer.add_eos_token_id(eos_id)
    writer.add_unk_token_id(model.tokenizer.symbols.index(replacement_symbol(model.tokenizer)))
    writer.add_pad_token_id(eos_id)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if end_id == vocab_size:
        writer.add_array("tokenizer.ggml.suppress_tokens", [end_id])


def _add_tensor(writer: gguf.GGUFWriter, name: str, array: Floats, number_type: NumberType) -> None:
    import gguf

    if number_type == "q8_0":
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, array.astype(np.float16) if number_type == "f16" else array)
