"""A vocabulary as Hugging Face's tokenizers read it, and back.

A BPE model that has no merges leaves every character by itself. There is no pre-tokenizer,
which would cut at spaces, and the `Fuse` decoder puts nothing between characters. Bytes are
the 256 characters of GPT-2's byte alphabet (Radford et al. 2019, section 2.2), which the
`ByteLevel` pre-tokenizer writes them with: the `ByteFallback` decoder would make one wrong byte
spoil all the bytes around it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cache
from typing import Any

from attn_cli.errors import CheckpointError, InputError
from attn_cli.text.tokenizer import Tokenizer, bytes_tokenizer, tokenizer_from_json

_BYTE_LEVEL: dict[str, Any] = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": False,
}
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
HINT = "attn imports models of one character or one byte a token"


def replacement_symbol(tokenizer: Tokenizer) -> str:
    """What stands for a character outside the vocabulary, as with `unknown: replace`."""
    symbols = tokenizer.symbols
    return next((symbol for symbol in ("?", " ") if symbol in symbols), symbols[0])


def tokenizer_file(tokenizer: Tokenizer, eos_id: int | None) -> dict[str, Any]:
    """The content of tokenizer.json.

    Args:
        eos_id: What ends a text, if anything does.
    """
    of_bytes = tokenizer.kind == "bytes"
    pieces = _byte_alphabet() if of_bytes else tokenizer.symbols
    added = [] if eos_id is None else [_special(eos_id, pieces[eos_id])]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _BYTE_LEVEL if of_bytes else None,
        "post_processor": None,
        "decoder": _BYTE_LEVEL if of_bytes else {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None if of_bytes else replacement_symbol(tokenizer),
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {piece: id_ for id_, piece in enumerate(pieces)},
            "merges": [],
        },
    }


def tokenizer_settings(tokenizer: Tokenizer, eos_id: int | None, block_size: int) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    settings: dict[str, Any] = {
        # With `GPT2Tokenizer`, or none, transformers 5 makes a tokenizer anew that loses spaces.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": block_size,
    }
    if eos_id is not None:
        piece = _byte_alphabet()[eos_id] if tokenizer.kind == "bytes" else tokenizer.symbols[eos_id]
        settings |= {"bos_token": piece, "eos_token": piece, "pad_token": piece}
    return settings


def tokenizer_from_file(record: object, vocab_size: int, name: str) -> Tokenizer:
    """The tokenizer of a tokenizer.json, if there is one like it here.

    Args:
        record: What the JSON says.
        vocab_size: How many ids the model has.
        name: The file, for messages.

    Raises:
        InputError: It is of another kind, or damaged.
    """
    model = record.get("model") if isinstance(record, dict) else None
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(record, dict) or not isinstance(model, dict) or not vocab:
        raise InputError(f"{name} has no vocabulary", HINT)
    kind, merges, before = model.get("type"), model.get("merges"), record.get("pre_tokenizer")
    if kind not in ("BPE", "WordLevel") or not isinstance(vocab, dict):
        raise InputError(f"{name} is of the kind {kind!r:.40}", HINT)
    if merges:
        number = f"{len(merges):,}" if isinstance(merges, list) else "no list of"
        raise InputError(f"{name} is of subwords: it has {number} merges", HINT)
    if record.get("normalizer") is not None:
        raise InputError(f"{name} changes the text before it reads it: it has a normalizer", HINT)
    if _adds(record.get("post_processor")):
        raise InputError(f"{name} adds to what it has read: it has a post-processor", HINT)
    pieces = _in_order(vocab, vocab_size, name)
    if (byte := _of_bytes(pieces, before)) is not None:
        return byte
    # Without merges a BPE model takes each character by itself; one of words has to be told.
    if not (_cuts_everywhere(before) or (before is None and kind == "BPE")):
        raise InputError(
            f"{name} does not cut the text into characters: see its pre-tokenizer", HINT
        )
    printable = pieces == list(string.printable)
    try:
        return tokenizer_from_json(
            {"kind": "printable" if printable else "corpus", "symbols": pieces}
        )
    except CheckpointError as error:
        what = error.message.partition(": ")[2].removeprefix("its ")
        raise InputError(f"{name}: {what}", HINT) from None


def _in_order(vocab: Mapping[Any, Any], vocab_size: int, name: str) -> list[str]:
    """The pieces by id, of which there is one for each."""
    if len(vocab) != vocab_size:
        raise InputError(
            f"{name} has {len(vocab):,} tokens, and config.json says {vocab_size:,}", HINT
        )
    by_id = {id_: piece for piece, id_ in vocab.items() if type(id_) is int}
    if by_id.keys() != set(range(vocab_size)):
        raise InputError(f"{name} does not number its tokens from 0 to {vocab_size - 1:,}", HINT)
    return [by_id[id_] for id_ in range(vocab_size)]


def _of_bytes(pieces: list[str], before: object) -> Tokenizer | None:
    """The tokenizer of bytes, where these are the 256 bytes in their order."""
    if isinstance(before, dict) and _type(before) == "ByteLevel":
        prefixed = before.get("add_prefix_space", True)
        return None if prefixed or tuple(pieces) != _byte_alphabet() else bytes_tokenizer()
    found = [_BYTE_TOKEN.fullmatch(piece) for piece in pieces]
    in_order = all(match and int(match[1], 16) == byte for byte, match in enumerate(found))
    return bytes_tokenizer() if len(pieces) == 256 and in_order and before is None else None


def _cuts_everywhere(before: object) -> bool:
    """Whether a pre-tokenizer cuts at nothing, which is before and after every character."""
    if not isinstance(before, dict) or _type(before) != "Split":
        return False
    isolated = before.get("behavior") == "Isolated" and not before.get("invert")
    return isolated and before.get("pattern") in ({"String": ""}, {"Regex": ""})


def _adds(after: object) -> bool:
    """Whether a post-processor may put anything around a text; transformers save an empty one."""
    if isinstance(after, dict) and _type(after) == "TemplateProcessing":
        return after.get("special_tokens") != {}
    return _type(after) not in (None, "ByteLevel")


def _type(part: object) -> object:
    """Which kind of normalizer, pre-tokenizer or post-processor something is."""
    return part.get("type") if isinstance(part, dict) else part


def _special(id_: int, piece: str) -> dict[str, Any]:
    return {
        "id": id_,
        "content": piece,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }


@cache
def _byte_alphabet() -> tuple[str, ...]:
    """GPT-2's character for each byte: itself where it can be seen, else one from 256 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return tuple(
        chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)
    )
