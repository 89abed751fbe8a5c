"""What a logger wrote, read by its own library: `python read_back.py NAME RUN` prints JSON.

Steps are a list of [step, {name: value}] in the order in which they were logged; samples
are [step, text].
"""

from __future__ import annotations

import html
import json
import os
import struct
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def tensorboard(run: Path) -> dict[str, Any]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    reader = EventAccumulator(
        str(run / "tensorboard"),
        size_guidance={"scalars": 0, "tensors": 0},
        purge_orphaned_data=False,
    )
    reader.Reload()
    tags = reader.Tags()
    steps: dict[int, dict[str, float]] = defaultdict(dict)
    seconds = []
    for tag in tags["scalars"]:
        for event in reader.Scalars(tag):
            assert tag not in steps[event.step], "a step occurs twice"
            steps[event.step][tag] = event.value
            if tag == "seconds":
                seconds.append((event.wall_time, event.value))
    samples = [
        (event.step, event.tensor_proto.string_val[0].decode())
        for event in reader.Tensors("sample/text_summary")
    ]
    content = reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    config: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in start.hparams.items():
        section, _, name = key.partition(".")
        config[section][name] = getattr(value, value.WhichOneof("kind"))
    shown = [
        (step, "\n".join(line[4:] for line in text.split("\n"))[:-1]) for step, text in samples
    ]
    zero = seconds[0][0] - seconds[0][1]
    assert all(abs(wall - value - zero) < 0.01 for wall, value in seconds)
    return {"steps": sorted(steps.items()), "samples": shown, "config": config}


def trackio(run: Path) -> dict[str, Any]:
    os.environ["TRACKIO_DIR"] = str(run / "trackio")
    from trackio import Api
    from trackio.sqlite_storage import SQLiteStorage

    (known,) = Api().runs("attn")
    steps: dict[int, dict[str, float]] = defaultdict(dict)
    samples = []
    for entry in SQLiteStorage.get_logs("attn", known.name):
        for name, value in entry.items():
            if name == "sample":
                samples.append((entry["step"], unindented(value["_value"])))
            elif name not in ("step", "timestamp"):
                assert name not in steps[entry["step"]], "a step occurs twice"
                steps[entry["step"]][name] = value
    config = SQLiteStorage.get_run_config("attn", known.name)
    return {"steps": list(steps.items()), "samples": samples, "config": config}


def wandb(run: Path) -> dict[str, Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    steps, samples, config, ended = [], [], {}, False
    for raw in leveldb_log(path):
        record = Record.FromString(raw)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            for item in record.run.config.update:
                config[item.key or item.nested_key[0]] = json.loads(item.value_json)
        elif kind == "history":
            values = {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            step = values["_step"]
            if "sample.path" in values:
                page = (path.parent / "files" / values["sample.path"]).read_bytes().decode()
                text = page.partition("<pre>")[2].rpartition("</pre>")[0]
                samples.append((step, html.unescape(text)))
            own = values.items()
            steps.append((step, {k: v for k, v in own if k[0] != "_" and k[:7] != "sample."}))
        ended |= kind == "exit"
    assert ended, "the run was not finished"
    return {"steps": steps, "samples": samples, "config": config}


def unindented(text: str) -> str:
    return "\n".join(line[4:] for line in text.split("\n"))[:-1]


def leveldb_log(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes.

    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    data = path.read_bytes()
    place, whole = 7, b""
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a record in one piece, or its last piece
            yield whole
            whole = b""


if __name__ == "__main__":
    read = {"tensorboard": tensorboard, "trackio": trackio, "wandb": wandb}[sys.argv[1]]
    print(json.dumps(read(Path(sys.argv[2]))))
