"""Whether processes that are to train together have the same in hands."""

from __future__ import annotations

import hashlib
import json
import time

import torch

from attn_cli import __version__
from attn_cli.config.diff import ConfigChange
from attn_cli.config.schema import Config
from attn_cli.errors import ConfigError, DatasetError, DeviceError, InputError
from attn_cli.runs.run_folder import RunFolder
from attn_cli.text.corpus import Corpus
from attn_cli.training.distributed.world import World

# What may differ: how a text is named on its host, and where to compute, which is compared itself.
_FREE = (("data", "text"), ("train", "device"))
# A file that one host wrote may be seen by another a while later.
SEEN_WITHIN = 15.0  # seconds


def check_same_inputs(world: World, config: Config, corpus: Corpus) -> None:
    """Compares configuration, text, vocabulary and version with those of the first process.

    Raises:
        ConfigError: The configuration or the version of attn is another one.
        DatasetError: The text or its vocabulary is.
    """
    dump = config.model_dump(mode="json")
    vocabulary = json.dumps(corpus.tokenizer.to_json())
    own = {
        "version": __version__,
        "config": dump,
        "text": corpus.sha256,
        "chars": corpus.chars,
        "vocabulary": hashlib.sha256(vocabulary.encode("ascii")).hexdigest(),
    }
    first = json.loads(world.broadcast_text(json.dumps(own)))
    where = f"process {world.rank}"
    if first["version"] != own["version"]:
        raise ConfigError(
            f"{where} runs attn {own['version']}, and process 0 {first['version']}",
            "install the same version on every host",
        )
    # Not by `diff_configs` alone, which overlooks what `config` leaves to the machine.
    others = first["config"]
    differing = [
        ConfigChange(f"{section}.{name}", others[section][name], value)
        for section, values in dump.items()
        for name, value in values.items()
        if others[section][name] != value and (section, name) not in _FREE
    ]
    if differing:
        raise ConfigError(
            f"{where} has another configuration than process 0: {', '.join(map(str, differing))}",
            "give every process the same config file and options",
        )
    if (first["text"], first["vocabulary"]) != (own["text"], own["vocabulary"]):
        raise DatasetError(
            f"{where} has another text than process 0: {', '.join(corpus.sources)} has "
            f"{corpus.chars:,} characters there, and {first['chars']:,}",
            "copy the same text to every host",
        )


def check_same_device(world: World, device: torch.device) -> None:
    """Makes sure that all compute on the same kind of device.

    Raises:
        DeviceError: This one does not.
    """
    first = world.broadcast_text(device.type)
    if first != device.type:
        raise DeviceError(
            f"process {world.rank} computes on {device.type}, and process 0 on {first}",
            "name one by --device",
        )


def check_shared_run_dir(run: RunFolder, holder: str) -> None:
    """Makes sure that a run's folder is the one that the first process holds.

    Args:
        run: Its folder, as this host sees it.
        holder: What the first process wrote there.

    Raises:
        InputError: It is another folder, or none.
    """
    end = time.monotonic() + SEEN_WITHIN
    while True:
        try:
            if run.lock_holder.read_text(encoding="ascii") == holder:
                return
        except (OSError, UnicodeDecodeError):
            pass
        if time.monotonic() > end:
            raise InputError(
                f"{run.path} is not on this host, where process 0 is training into it",
                "name by --out a folder that all hosts share, at the same path",
            )
        time.sleep(0.1)
