"""The two graphs, and what ONNX Runtime makes of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attn_cli.errors import InputError
from attn_cli.export.onnx_graphs import onnx_files
from attn_cli.export.output import write_folder
from attn_cli.generation.greedy_targets import greedy_targets
from attn_cli.runs.load_model import load_model
from tests.conftest import Trained, train_in
from tests.export.conftest import (
    BLOCKS,
    CHARS,
    LABELS,
    PROMPTS,
    Known,
    MakeRun,
    farthest,
    known,
    random_run,
)
from tests.export.outside import ask

pytestmark = pytest.mark.slow  # the exporter alone takes several seconds a model

TOLERANCE = 1e-4
PADDING = 3
NGRAMS = ("model.ngrams=[2,5]", "model.ngram_embd=5")
DECODERS = [*BLOCKS, "n-grams"]
ENCODERS = [f"{name} encoder" for name in DECODERS]


def corrupted(folder: Path, to: Path) -> Path:
    """A copy of which a single weight of each graph is another."""
    import onnx
    from onnx import numpy_helper

    shutil.copytree(folder, to)
    for graph in to.glob("*.onnx"):
        model = onnx.load(graph)
        (norm,) = (t for t in model.graph.initializer if t.name.endswith("final_norm.weight"))
        array = numpy_helper.to_array(norm).copy()
        array[0] += 20.0
        norm.CopyFrom(numpy_helper.from_array(array, norm.name))
        onnx.save(model, graph)
    return to


@pytest.fixture(scope="module")
def cases(
    learned: Mapping[str, Known],
    learned_encoders: Mapping[str, Known],
    verse_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Known, Path, dict[str, Any]]]:
    """Of each model: what attn knows, its folder, what ONNX Runtime answered."""
    root = tmp_path_factory.mktemp("onnx")
    asked: dict[str, tuple[Known, Path]] = {}
    encoders = {f"{block} encoder": ours for block, ours in learned_encoders.items()}
    kinds = {
        "n-grams encoder": ("task=mlm", "model.block_size=17"),
        "classifier": ("task=classify", "model.block_size=17"),
    }
    for name, kind in kinds.items():
        encoders[name] = known(random_run(root / "runs" / name, (*kind, *NGRAMS), bos_id=96), ())
    overrides = ("model.block_size=96", "train.steps=50", *BLOCKS["qwen3"], *NGRAMS)
    ngrams = known(load_model(train_in(root / "n-grams-run", verse_file, *overrides).run.path))
    for name, ours in {**learned, "n-grams": ngrams, **encoders}.items():
        folder = root / name
        write_folder(folder, onnx_files(ours.model), ours.model, "onnx")
        asked[name] = ours, folder
        asked[f"{name} corrupted"] = ours, corrupted(folder, root / f"{name}-bad")
    answers = ask("onnx_runtime", [
        {"folder": str(folder), "ids": ours.ids, "prompts": PROMPTS, "chars": CHARS,
         "padding": PADDING}
        for ours, folder in asked.values()
    ])  # fmt: skip
    return {name: (*asked[name], answer) for name, answer in zip(asked, answers, strict=True)}


@pytest.mark.parametrize("block", DECODERS)
def test_the_whole_pass_and_the_step_at_every_split(cases: dict[str, Any], block: str) -> None:
    ours, _, theirs = cases[block]
    assert farthest(theirs["logits"], ours.logits) < TOLERANCE
    assert farthest(theirs["one"], ours.logits[:1, :1]) < TOLERANCE
    assert len(theirs["splits"]) == len(ours.ids[0]) - 1
    for logits in theirs["splits"]:
        assert farthest(logits, ours.logits) < TOLERANCE
    assert theirs["texts"] == ours.texts


@pytest.mark.parametrize("block", DECODERS)
def test_one_corrupted_weight_fails_the_comparisons(cases: dict[str, Any], block: str) -> None:
    ours, _, theirs = cases[f"{block} corrupted"]
    assert farthest(theirs["logits"], ours.logits) > 100 * TOLERANCE
    assert farthest(theirs["splits"][0], ours.logits) > 100 * TOLERANCE
    assert theirs["texts"] != ours.texts


@pytest.mark.parametrize("name", [*ENCODERS, "classifier"])
def test_an_encoder_s_pass_ignores_padding(cases: dict[str, Any], name: str) -> None:
    ours, _, theirs = cases[name]
    with torch.no_grad():
        hidden = ours.model.model.hidden(torch.tensor(ours.ids))
    T = hidden.shape[1]
    for case, padding in (("whole", 0), ("padded", PADDING)):
        logits, states = (torch.tensor(found) for found in theirs[case])
        assert states.shape[1] == T + padding
        of_text = logits if name == "classifier" else logits[:, :T]
        assert farthest(of_text, ours.logits) < TOLERANCE
        assert farthest(states[:, :T], hidden) < TOLERANCE
    with torch.no_grad():
        one = ours.model.model(torch.tensor(ours.ids)[:1, :1])
    assert farthest(theirs["one"][0], one) < TOLERANCE
    corrupted, _ = cases[f"{name} corrupted"][2]["whole"]
    assert farthest(corrupted, ours.logits) > 100 * TOLERANCE


@pytest.mark.parametrize("block", [*DECODERS, *ENCODERS, "classifier"])
def test_the_readme_s_code_runs(
    cases: dict[str, Any],
    block: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ours, folder, _ = cases[block]
    monkeypatch.chdir(folder)
    readme = (folder / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code
    exec(code[1], {})
    printed = capsys.readouterr().out
    if block in DECODERS:
        assert len(printed.rstrip("\n")) >= 50
    elif block == "classifier":
        lines = [line.split(": ") for line in printed.splitlines()]
        assert [text for text, _ in lines] == ["T", "TT"]
        assert {label for _, label in lines} <= set(LABELS)
    else:
        assert len(printed) == len("T▢\nT▢▢\n")
        assert "▢" not in printed
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokenizer = ours.model.tokenizer
    assert vocabulary["symbols"] == list(tokenizer.without_specials().symbols)
    assert vocabulary["mask_id"] == tokenizer.mask_id
    assert vocabulary["bos_id"] == ours.model.bos_id


SOURCES = ("abc", "f", "fedcba", "aabbc")


def test_an_encoder_decoder_writes_the_same_in_a_padded_batch(
    trained_translator: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The graphs' hidden states, logits and greedy targets, the step's at every split."""
    import onnxruntime

    model = load_model(trained_translator.run.path)
    network, encode = model.encoder_decoder, model.tokenizer.encode
    newline = model.bos_id
    S = 9
    rows = [[*encode(source).tolist(), newline] for source in SOURCES]
    source = torch.tensor([row + [newline] * (S - len(row)) for row in rows])
    mask = torch.arange(S) < torch.tensor([[len(row)] for row in rows])  # (B, S)
    with torch.no_grad():
        encoded = network.encode(source, source_mask=mask[:, None, None])
    written = greedy_targets([network], source, mask[:, None, None], newline_id=newline)
    T = 1 + max(map(len, written))
    ids = torch.tensor([[newline, *row, *[newline] * (T - 1 - len(row))] for row in written])
    with torch.no_grad():
        wanted = network.decode(ids, encoded, source_mask=mask[:, None, None])

    files = onnx_files(model)
    write_folder(tmp_path / "graphs", files, model, "onnx")
    names = ("encoder", "decoder", "decode")
    encoder, decoder, step = (onnxruntime.InferenceSession(files[f"{name}.onnx"]) for name in names)
    of_source = {"attention_mask": mask.long().numpy()}
    hidden, *cross = encoder.run(None, {"input_ids": source.numpy(), **of_source})
    assert farthest(hidden[mask.numpy()], encoded[mask]) < TOLERANCE
    (logits,) = decoder.run(None, {"input_ids": ids.numpy(), "hidden_states": hidden, **of_source})
    assert farthest(logits, wanted) < TOLERANCE
    of_source |= dict(zip(("cross_keys", "cross_values"), cross, strict=True))
    L, _, H, _, D = cross[0].shape
    for split in range(1, T):
        keys = values = np.zeros((L, len(SOURCES), H, 0, D), np.float32)
        parts = []
        for part in (ids[:, :split], ids[:, split:]):
            past = {"input_ids": part.numpy(), "past_keys": keys, "past_values": values}
            logits, keys, values = step.run(None, {**past, **of_source})
            parts.append(logits)
        assert farthest(np.concatenate(parts, axis=1), wanted) < TOLERANCE

    monkeypatch.chdir(tmp_path / "graphs")
    readme = Path("README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code
    texts = re.sub(r"texts = \[.*\]", f"texts = {list(SOURCES)}", code[1])
    exec(texts, {})
    targets = map(model.tokenizer.decode, written)
    expected = "".join(f"{one}: {other}\n" for one, other in zip(SOURCES, targets, strict=True))
    assert capsys.readouterr().out == expected


def test_what_has_no_counterpart_has_a_graph(make_run: MakeRun, tmp_path: Path) -> None:
    """Rotary positions in a block of GPT-2's; and the paths of this machine stay here."""
    from attn_cli.generation.numpy_model import NumpyModel

    model = make_run("model.position=rope")
    files = onnx_files(model)
    assert {"model.onnx", "decode.onnx", "tokenizer.json", "README.md"} == files.keys()
    assert not any(b"attn_cli" in data for data in files.values())
    import onnxruntime

    ids = np.array([[5, 50, 7, 99]])
    session = onnxruntime.InferenceSession(files["model.onnx"])
    numpy_model = NumpyModel(model.config.model, model.weights)
    wanted = numpy_model.forward(ids, numpy_model.new_cache())
    found = session.run(None, {"input_ids": ids})[0][:, -1]
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)


def test_a_model_of_few_characters_is_told(make_run: MakeRun) -> None:
    with pytest.raises(InputError, match=r"model\.block_size=4 is too short"):
        onnx_files(make_run("model.block_size=4"))
