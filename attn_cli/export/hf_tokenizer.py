"""A tokenizer in the format of Hugging Face's tokenizers, and back.

A BPE model without merges makes a token of each character. There is no pre-tokenizer, which
would split at spaces, and the `Fuse` decoder joins characters without spaces. Bytes are the 256
characters of GPT-2's byte alphabet (Radford et al. 2019, section 2.2), by the `ByteLevel`
pre-tokenizer: with the `ByteFallback` decoder one invalid byte would spoil its neighbours.
"""

import re
import string
from collections.abc import Mapping
from functools import cache
from typing import Any

from attn_cli.errors import CheckpointError, InputError
from attn_cli.text.tokenizer import (
    SymbolTokenizer,
    Tokenizer,
    bytes_tokenizer,
    tokenizer_from_json,
)

_BYTE_LEVEL: dict[str, Any] = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": False,
}
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# [UNK], <pad>, <|endoftext|>
_SPECIAL_TOKEN = re.compile(r"\[\w+\]|<\|?\w+\|?>", re.ASCII)
PRIVATE_USE = [chr(code) for code in range(0xE000, 0xF900)]  # characters without a meaning
MASK = "[MASK]"  # what a hidden character is called there
MAX_PADDING = 128  # ids without a token, up to a multiple of 64 or 128
HINT = "attn imports models whose tokens are single characters or bytes"


def replacement_symbol(tokenizer: Tokenizer) -> str:
    """The symbol that replaces characters outside the vocabulary, as with `unknown: replace`."""
    symbols = tokenizer.symbols
    return next((symbol for symbol in ("?", " ") if symbol in symbols), symbols[0])


def tokenizer_file(
    tokenizer: Tokenizer, eos_id: int | None, *, adds_eos: bool = False
) -> dict[str, Any]:
    """The content of tokenizer.json.

    Args:
        tokenizer: The vocabulary.
        eos_id: The id that ends a text, where there is one.
        adds_eos: Whether it is added to each text that is encoded, as to a source.
    """
    of_bytes = tokenizer.kind == "bytes"
    pieces = _pieces(tokenizer)
    specials = [id_ for id_ in (eos_id, tokenizer.mask_id) if id_ is not None]
    ending = _ending(eos_id, pieces[eos_id]) if adds_eos and eos_id is not None else None
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(id_, pieces[id_]) for id_ in specials],
        "normalizer": None,
        "pre_tokenizer": _BYTE_LEVEL if of_bytes else None,
        "post_processor": ending,
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
        # With `GPT2Tokenizer`, or none, transformers 5 builds a tokenizer that loses spaces.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": block_size,
    }
    if tokenizer.mask_id is not None:
        settings |= {
            # The same class by its name since transformers 5: earlier ones, which cannot run an
            # encoder (see huggingface.py), stop here.
            "tokenizer_class": "TokenizersBackend",
            "mask_token": MASK,
            "pad_token": MASK,  # which attention does not see, where no token ends a text
        }
    if eos_id is not None:
        piece = _pieces(tokenizer)[eos_id]
        settings |= {"bos_token": piece, "eos_token": piece, "pad_token": piece}
    return settings


def tokenizer_from_file(
    record: object, vocab_size: int, name: str, *, with_mask: bool = False
) -> Tokenizer:
    """The tokenizer of a tokenizer.json.

    Args:
        record: The content of the file.
        vocab_size: How many ids the model has.
        name: Of the file, for messages.
        with_mask: Whether it has a token for a hidden character, as an encoder's.

    Raises:
        InputError: It is another kind of tokenizer, or damaged.
    """
    model = record.get("model") if isinstance(record, dict) else None
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(record, dict) or not isinstance(model, dict) or not vocab:
        raise InputError(f"{name} has no vocabulary", HINT)
    kind, merges, before = model.get("type"), model.get("merges"), record.get("pre_tokenizer")
    if kind not in ("BPE", "WordLevel") or not isinstance(vocab, dict):
        raise InputError(f"{name} has the type {kind!r:.40}", HINT)
    if merges:
        raise InputError(f"{name} has merges: its tokens are subwords", HINT)
    if record.get("normalizer") is not None:
        raise InputError(f"{name} changes the text: it has a normalizer", HINT)
    if _adds_tokens(record.get("post_processor")):
        raise InputError(f"{name} adds tokens to the text: it has a post-processor", HINT)
    pieces = _in_order(_special_tokens(record, vocab) | vocab, vocab_size, name)
    if with_mask and pieces[-1] != MASK:
        raise InputError(
            f"{name}: the last token is {pieces[-1]!r:.40}, and the model is an encoder",
            f"attn imports encoders whose last token is {MASK}",
        )
    if (byte := _of_bytes(pieces, before)) is not None:
        return byte
    by_name = sum(_BYTE_TOKEN.fullmatch(piece) is not None for piece in pieces) == 256
    if len(pieces) > 256 and (by_name or _byte_alphabet_in(pieces, before)):
        raise InputError(
            f"{name} has {len(pieces) - 256} ids beside those of the 256 bytes, and a vocabulary "
            "of bytes has none here",
            "train such a model without special tokens and padding: with a vocabulary of 256",
        )
    # A BPE model without merges splits into characters by itself; a WordLevel model does not.
    if not (_splits_everywhere(before) or (before is None and kind == "BPE")):
        raise InputError(
            f"{name} does not split the text into characters: see its pre-tokenizer", HINT
        )
    pieces = with_stand_ins(pieces[:-1] if with_mask else pieces)
    printable = pieces == list(string.printable)
    try:
        tokenizer = tokenizer_from_json(
            {"kind": "printable" if printable else "corpus", "symbols": pieces}
        )
    except CheckpointError as error:
        what = error.message.partition(": ")[2].removeprefix("its ")
        raise InputError(f"{name}: {what}", HINT) from None
    if isinstance(tokenizer, SymbolTokenizer):
        several = next(piece for piece in pieces if len(piece) > 1)
        raise InputError(f"{name}: {several!r:.40} is not a single character", HINT)
    return tokenizer.with_mask() if with_mask else tokenizer


def with_stand_ins(pieces: list[str]) -> list[str]:
    """The pieces, where each special token is a character of its own that no text has.

    So every id, logit and probability stays what it was.
    """
    stand_ins = iter(sorted(set(PRIVATE_USE).difference(pieces)))
    return [next(stand_ins, piece) if _is_special(piece) else piece for piece in pieces]


def _pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    """The token of each id."""
    if tokenizer.kind == "bytes":
        return _byte_alphabet()
    characters = tokenizer.without_specials().symbols
    return characters if tokenizer.mask_id is None else (*characters, MASK)


def _is_special(piece: str) -> bool:
    return bool(_SPECIAL_TOKEN.fullmatch(piece)) and not _BYTE_TOKEN.fullmatch(piece)


def _special_tokens(record: Mapping[Any, Any], vocab: Mapping[Any, Any]) -> dict[str, int]:
    """The ids of the tokens that a tokenizer.json has beside its vocabulary."""
    added, known = record.get("added_tokens"), set(map(str, vocab.values()))
    return {
        token["content"]: token["id"]
        for token in (added if isinstance(added, list) else [])
        if isinstance(token, dict)
        and isinstance(token.get("content"), str)
        and type(token.get("id")) is int
        and str(token["id"]) not in known
    }


def _in_order(vocab: Mapping[Any, Any], vocab_size: int, name: str) -> list[str]:
    """The pieces in the order of their ids, one for each id; `<unused1>` for one without."""
    if not 0 <= vocab_size - len(vocab) < MAX_PADDING:
        raise InputError(
            f"{name} has {len(vocab):,} tokens, and config.json says {vocab_size:,}", HINT
        )
    by_id = {id_: piece for piece, id_ in vocab.items() if type(id_) is int}
    if by_id.keys() != set(range(len(vocab))):
        raise InputError(f"{name} does not number its tokens from 0 to {len(vocab) - 1:,}", HINT)
    return [by_id.get(id_, f"<unused{id_}>") for id_ in range(vocab_size)]


def _of_bytes(pieces: list[str], before: object) -> Tokenizer | None:
    """The bytes tokenizer, if the pieces are the 256 bytes in order; None otherwise."""
    if isinstance(before, dict) and _type(before) == "ByteLevel":
        prefixed = before.get("add_prefix_space", True)
        return None if prefixed or tuple(pieces) != _byte_alphabet() else bytes_tokenizer()
    found = [_BYTE_TOKEN.fullmatch(piece) for piece in pieces]
    in_order = all(match and int(match[1], 16) == byte for byte, match in enumerate(found))
    return bytes_tokenizer() if len(pieces) == 256 and in_order and before is None else None


def _byte_alphabet_in(pieces: list[str], before: object) -> bool:
    return _type(before) == "ByteLevel" and set(_byte_alphabet()) <= set(pieces)


def _splits_everywhere(before: object) -> bool:
    """Whether a pre-tokenizer splits at the empty string, which is between all characters."""
    if not isinstance(before, dict) or _type(before) != "Split":
        return False
    isolated = before.get("behavior") == "Isolated" and not before.get("invert")
    return isolated and before.get("pattern") in ({"String": ""}, {"Regex": ""})


def _adds_tokens(after: object) -> bool:
    """Whether a post-processor may add tokens to a text; transformers save an empty one."""
    if isinstance(after, dict) and _type(after) == "TemplateProcessing":
        return after.get("special_tokens") != {}
    return _type(after) not in (None, "ByteLevel")


def _type(part: object) -> object:
    """The type of a normalizer, pre-tokenizer or post-processor."""
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


def _ending(id_: int, piece: str) -> dict[str, Any]:
    """The post-processor that adds a token to the end of each text."""
    end = {"SpecialToken": {"id": piece, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "type": "TemplateProcessing",
        "single": [first, end],
        "pair": [first, end, second, end],
        "special_tokens": {piece: {"id": piece, "ids": [id_], "tokens": [piece]}},
    }


@cache
def _byte_alphabet() -> tuple[str, ...]:
    """GPT-2's character for each byte: itself if it is printable, else one from 256 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return tuple(
        chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)
    )
