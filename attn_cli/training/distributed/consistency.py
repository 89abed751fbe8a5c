"""Checks that all processes of a run have the same inputs, kind of device and run folder."""

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

# What may differ: the name of a text on its host, and train.device, whose outcome is compared.
_MAY_DIFFER = ("data.text", "data.validation", "train.device")
# A network file system may show a file to other hosts with a delay.
VISIBLE_WITHIN = 15.0  # seconds


def check_same_inputs(world: World, config: Config, corpus: Corpus) -> None:
    """Checks that configuration, text, vocabulary and version are those of rank 0.

    Raises:
        ConfigError: The configuration or the version of attn differs.
        DatasetError: The text or its vocabulary differs.
    """
    flat = config.flat()
    vocabulary = json.dumps(corpus.tokenizer.to_json())
    held_out = corpus.validation_text
    own = {
        "version": __version__,
        "config": flat,
        "text": corpus.sha256,
        "validation": held_out and held_out.sha256,
        "chars": corpus.chars,
        "vocabulary": hashlib.sha256(vocabulary.encode("ascii")).hexdigest(),
    }
    main = json.loads(world.broadcast_text(json.dumps(own)))
    where = f"process {world.rank}"
    if main["version"] != own["version"]:
        raise ConfigError(
            f"{where} runs attn {own['version']}, but process 0 runs {main['version']}",
            "install the same version on every host",
        )
    # Not by `diff_configs` alone, which overlooks what `config` leaves to the machine.
    others = main["config"]
    differing = [
        ConfigChange(key, others[key], value)
        for key, value in flat.items()
        if others[key] != value and key not in _MAY_DIFFER
    ]
    if differing:
        raise ConfigError(
            f"{where} has a different configuration from process 0: "
            f"{', '.join(map(str, differing))}",
            "give every process the same config file and options",
        )
    if (main["text"], main["vocabulary"]) != (own["text"], own["vocabulary"]):
        raise DatasetError(
            f"{where} has a different text from process 0: {', '.join(corpus.sources)} has "
            f"{corpus.chars:,} characters there, instead of {main['chars']:,}",
            "copy the same text to every host",
        )
    if main["validation"] != own["validation"]:
        raise DatasetError(
            f"{where} has a different validation text from process 0",
            "copy the same text to every host",
        )


def check_same_device(world: World, device: torch.device) -> None:
    """Checks that all processes compute on the same kind of device.

    Raises:
        DeviceError: This one and rank 0 do not.
    """
    main = world.broadcast_text(device.type)
    if main != device.type:
        raise DeviceError(
            f"process {world.rank} computes on {device.type}, but process 0 on {main}",
            "set train.device",
        )


def check_shared_run_dir(run: RunFolder, holder: str) -> None:
    """Checks that the run's folder is the one that rank 0 has locked.

    Args:
        run: Its folder, as this host sees it.
        holder: What rank 0 wrote into its lock.

    Raises:
        InputError: It is a different folder, or there is none.
    """
    end = time.monotonic() + VISIBLE_WITHIN
    while True:
        try:
            if run.lock_holder.read_text(encoding="ascii") == holder:
                return
        except (OSError, UnicodeDecodeError):
            pass
        if time.monotonic() > end:
            raise InputError(
                f"{run.path} on this host is not the folder that process 0 is training into",
                "choose a folder that all hosts share, at the same path",
            )
        time.sleep(0.1)
