"""Broken and hostile input, by the hundred thousand: the result, or an `AttnError`.

Inputs are mutations of sound ones: bytes flipped, cut, doubled and swapped, numbers and
words replaced by ones that hurt. Half of the checkpoints get the right checksums again,
as a stranger would give them, so that what lies behind the checksum is reached, too.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from attn_cli.config.load import dump_config, load_config, parse_override
from attn_cli.config.schema import Config
from attn_cli.errors import AttnError
from attn_cli.runs.checkpoint import read_checkpoint
from attn_cli.runs.checkpoint_metadata import with_checksum
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.tokenizer import tokenizer_from_json
from attn_cli.training.prepare import prepare_run
from attn_cli.training.request import make_request
from tests.faults.harness import Trial, attn, settings, write_verse

NASTY = (
    "0", "-1", "1e999", "nan", "9" * 40, "9" * 5000, "null", "true", "[]", "{}", '""', "'",
    "&a", "*a", "!!python/object/apply:os.system", "!!binary", "<<", "? ", "|", ">", "%", "@",
    "\x00", "\x1b[31m", "\u202e", "\ud800", "\U0001f600", "\ufeff", "\f", "\t", "\n", ": ", "- ",
    "../../etc", "/dev/zero", "step-00000001", "1:59:59", "2001-99-99", "0x10", "1_0", "[" * 50,
)  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    """A text with a few things done to it."""
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(text) + 1)
        end = min(len(text), place + chance.randrange(1, 12))
        how = chance.randrange(6)
        if how == 0:
            text = text[:place] + chance.choice(NASTY) + text[end:]
        elif how == 1:
            text = text[:place] + chance.choice(NASTY) + text[place:]
        elif how == 2:
            text = text[:place] + text[end:]
        elif how == 3:
            text = text[:end] + text[place:]
        elif how == 4:
            text = text[:place] + chr(chance.randrange(0x110000)) + text[end:]
        else:
            text = text[:place]
    return text


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes with a few things done to them."""
    broken = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        # Most of a file of tensors is numbers: the header is where it can be hurt.
        place = chance.randrange(min(len(broken), chance.choice((16, 400, len(broken)))) or 1)
        how = chance.randrange(4)
        if how == 0 and broken:
            broken[place] ^= 1 << chance.randrange(8)
        elif how == 1:
            del broken[place : place + chance.randrange(1, 40)]
        elif how == 2:
            broken[place:place] = chance.randbytes(chance.randrange(1, 9))
        elif len(broken) > place + 8:
            broken[place : place + 8] = chance.randrange(2**64).to_bytes(8, "little")
    return bytes(broken)


def configs(folder: Path, number: int, seed: int = 9) -> Iterator[tuple[str, Trial]]:
    """Files and `--set` options."""
    chance = random.Random(seed)
    sound = dump_config(Config())
    short = "train:\n  steps: 3\n  learning_rate: 1e-3\nmodel: {n_embd: 24, n_head: 3}\n"
    path = folder / "fuzz.yaml"
    for trial in range(number):
        if trial % 4 == 0:
            text = mutated("train.learning_rate=1e-3", chance)

            def load(text: str = text) -> Any:
                return load_config(None, [parse_override(text)])
        else:
            text = mutated(sound if trial % 4 == 1 else short, chance)
            path.write_bytes(text.encode("utf-8", errors="surrogatepass"))

            def load() -> Any:
                return load_config(path)

        yield "fuzz: configurations", _refused_or_read(load, text)


def tokenizers(folder: Path, number: int, seed: int = 10) -> Iterator[tuple[str, Trial]]:
    """Vocabularies as JSON, and texts to encode and decode with those that are sound."""
    chance = random.Random(seed)
    sounds = [
        json.dumps({"kind": "corpus", "symbols": list("\n abcdeé")}),
        json.dumps({"kind": "printable", "symbols": list("abc")}),
        json.dumps({"kind": "bytes"}),
    ]
    for trial in range(number):
        text, known = mutated(sounds[trial % 3], chance), sounds[trial % 2 * 2]

        def use(text: str = text, known: str = known) -> Any:
            try:
                record = json.loads(text)
            except (ValueError, RecursionError):
                # Not what comes to the tokenizer; the text itself is something to encode.
                record = json.loads(known)
            tokenizer = tokenizer_from_json(record)
            policy = chance.choice(("transliterate", "error", "drop", "replace"))
            ids = tokenizer.encode(text, policy)  # type: ignore[arg-type]
            return tokenizer.decode(ids)

        yield "fuzz: tokenizers and prompts", _refused_or_read(use, text)


def checkpoints(folder: Path, number: int, seed: int = 11) -> Iterator[tuple[str, Trial]]:
    """The three files of a checkpoint and the pointers, to generate with and to go on from."""
    torch.set_num_threads(1)
    chance = random.Random(seed)
    sound = RunFolder(folder / "run")
    options = settings("train.steps=4", "model.n_layer=1", "model.n_embd=6", "model.n_head=1")
    text = write_verse(folder)
    attn("train", text, *options, "--out", sound.path, "--quiet", folder=folder)
    files = {path.name: path.read_bytes() for path in sound.checkpoint("latest").iterdir()}
    # In memory, where it can be: each trial writes files.
    home = Path("/dev/shm") if Path("/dev/shm").is_dir() else folder
    run = RunFolder(home / f"attn-fuzz-{seed}")
    place = run.checkpoints / sound.checkpoint("latest").name
    try:
        for trial in range(number):
            if trial % 8 == 0:
                # A resumed run has quarantined what was damaged, and written anew.
                shutil.rmtree(run.path, ignore_errors=True)
                shutil.copytree(sound.path, run.path)
            for name, data in files.items():
                (place / name).write_bytes(data)
            how = trial % 8
            if how in (0, 1, 2, 7):
                _mutate_state(place, files["state.json"], chance, resealed=how != 0)
            elif how in (3, 4, 5):
                name = ("model.safetensors", "optimizer.safetensors")[how % 2]
                broken = mutated_bytes(files[name], chance)
                (place / name).write_bytes(broken)
                if chance.random() < 0.7:
                    record = json.loads(files["state.json"])
                    record["sha256"][name] = hashlib.sha256(broken).hexdigest()
                    (place / "state.json").write_text(with_checksum(record))
            else:
                pointed = mutated("step-00000004\n", chance)
                pointer = run.checkpoints / "best"
                pointer.write_bytes(pointed.encode("utf-8", errors="surrogatepass"))

            def use(how: int = how) -> Any:
                if how == 6:
                    return read_checkpoint(run.best_or_latest())
                if how == 7:
                    request = make_request(resume=str(run.path))
                    with prepare_run(request, time.monotonic()) as prepared:
                        return prepared.trainer.step
                checkpoint = read_checkpoint(place)
                model = checkpoint.load_model()
                return checkpoint.load_optimizer_state(model), checkpoint.random_states()

            yield "fuzz: checkpoints", _refused_or_read(use, f"trial {trial} of seed {seed}")
    finally:
        shutil.rmtree(run.path, ignore_errors=True)


def _mutate_state(place: Path, sound: bytes, chance: random.Random, *, resealed: bool) -> None:
    if not resealed:
        (place / "state.json").write_bytes(mutated_bytes(sound, chance))
        return
    record = json.loads(sound)
    holder: Any = record
    while True:
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if isinstance(holder[key], (dict, list)) and holder[key] and chance.random() < 0.8:
            holder = holder[key]
            continue
        break
    if chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(
            (None, -1, 0, 1, 10**6, 2**70, 1e300, "", "x", "\x1b[31m", [], {}, True, [1] * 9)
        )
    try:
        (place / "state.json").write_text(with_checksum(record))
    except (KeyError, TypeError, ValueError, AttributeError):
        (place / "state.json").write_text(json.dumps(record))


def _refused_or_read(use: Callable[[], Any], what: str) -> Trial:
    """Whether what was done with an input came to a result or to an `AttnError` of one line."""
    try:
        use()
    except AttnError as error:
        return Trial(f"{what!r:.200}: {error.message!r}" if "\n" in error.message else "")
    except Exception as error:
        return Trial(f"{what!r:.300}: {type(error).__name__}: {error!s:.200}")
    return Trial()
