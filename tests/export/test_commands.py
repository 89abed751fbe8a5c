"""`attn export` and `attn import` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
from safetensors.numpy import load_file

from attn_cli.inspection.page import notes
from attn_cli.text.tokenizer import corpus_tokenizer
from tests.conftest import Outcome, Trained
from tests.export.conftest import MakeRun

Attn = Callable[..., Outcome]
ENCODER_DECODER = "an encoder-decoder, which writes targets for sources"


def test_a_trained_run_goes_out_and_comes_back(
    attn: Attn, trained: Trained, verse_file: Path
) -> None:
    run = trained.run.path
    out = attn("export", "hf", "model", "--run", run, "--json").json
    assert (out["format"], out["step"]) == ("hf", 240)
    assert out["bytes"] == sum(path.stat().st_size for path in Path("model").iterdir())
    card = Path("model/README.md").read_text("utf-8")
    assert f"{trained.result.val_loss:.4f}" in card
    assert f"{trained.result.parameters:,} parameters" in card
    assert trained.run.sample(240)[:20] in card
    assert "```python" in card

    back = attn("import", "model", "--out", "runs/back", "--json").json
    assert back["parameters"] == trained.result.parameters

    def written(which: str | Path) -> Any:
        controls = ("--temperature", "0", "--max-new-chars", "50", "--seed", "1", "--json")
        return attn("generate", "The", "--run", which, *controls).json["samples"]

    assert written("runs/back") == written(run)
    losses = [attn("evaluate", verse_file, "--run", which, "--json").json["loss"]
              for which in (run, "runs/back")]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for command in (
        ("inspect-attention", "The fox", "--run", "runs/back"),
        ("inspect-shapes", "The fox", "--run", "runs/back"),
        ("inspect-logits", "The fox", "--run", "runs/back"),
        ("inspect-training", "runs/back", "--text", "The fox"),
        ("export", "page", "page.html", "--run", "runs/back"),
        ("export", "gguf", "model.gguf", "--run", "runs/back"),
        ("runs",),
        ("train", verse_file, "--init-from", "runs/back", "--steps", "2", "--out", "runs/on"),
    ):
        outcome = attn(*command)
        assert outcome.code == 0, (command, outcome.err)
    told = attn("export", "hf", "again", "--run", "runs/back")
    assert told.code == 0
    card = Path("again/README.md").read_text("utf-8")
    assert card.count("Unknown: the model was imported.") == 2
    first, second = (load_file(f"{name}/model.safetensors") for name in ("model", "again"))
    assert all((first[name] == second[name]).all() for name in first)


def test_an_imported_run_says_what_it_does_not_have(attn: Attn, make_run: MakeRun) -> None:
    attn("export", "hf", "model", "--run", make_run().folder.path)
    told = attn("import", "model", "--out", "back")
    assert told.code == 0
    assert told.out == "run back\nnext: attn generate --run back\n"
    evaluated = attn("evaluate", "--run", "back")
    assert evaluated.code == 2
    assert "attn: the training text of back is not known: the model was imported" in evaluated.err
    assert "attn evaluate FILE" in evaluated.err
    resumed = attn("train", "--resume", "back")
    assert resumed.code == 2
    assert "attn train TEXT --init-from back" in resumed.err


def test_gguf_of_each_type_is_smaller(attn: Attn, make_run: MakeRun) -> None:
    run = make_run("model.n_embd=96", "model.n_inner=64").folder.path
    sizes = [
        attn("export", "gguf", f"{kind}.gguf", "--run", run, "--type", kind, "--json").json["bytes"]
        for kind in ("f32", "f16", "q8_0")
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    assert gguf.GGUFReader("f32.gguf").get_field("general.name").contents() == "random"
    # An earlier export is replaced.
    again = attn("export", "gguf", "q8_0.gguf", "--run", run)
    assert again.code == 0
    assert again.out == "q8_0.gguf\n"
    assert Path("q8_0.gguf").stat().st_size == sizes[0]
    assert not list(Path().glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "wrong", "hint"),
    [
        (
            ("hf", "mine"),
            "mine exists, and is not an unchanged export of attn",
            "name a new folder",
        ),
        (
            ("onnx", "mine"),
            "mine exists, and is not an unchanged export of attn",
            "name a new folder",
        ),
        (("hf", "file"), "file is not a folder", "name a new one"),
        (("hf", "-"), "needs a folder", "name one"),
        (("gguf", "file"), "file exists, and is not an export of attn", "name another file"),
        (("gguf", "mine"), "mine is not a writable file", ""),
        (("gguf", "no/where.gguf"), "there is no folder no", "make it first"),
        (("gguf", "-"), "needs a file", "name one"),
        (("hf", "out", "--run", "nowhere"), "no run nowhere", "attn runs"),
        (("hf", "out", "--type", "f16"), "--type is for gguf", "leave it out"),
        (("hf", "out", "--text", "Hello"), "--text is for a page", "leave it out"),
        (("pickle", "out"), "'pickle' is not one of", "--help"),
        (("gguf", "out.gguf", "--type", "q4"), "'q4' is not one of", "--help"),
        (("gguf", "out.gguf", "--type", "q8_0"), "model.n_embd is 42", "--type f16"),
    ],
)
def test_what_cannot_be_exported_is_told_and_leaves_nothing(
    attn: Attn, make_run: MakeRun, arguments: tuple[str, ...], wrong: str, hint: str
) -> None:
    run = make_run().folder.path
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    Path("file").write_text("mine")
    before = sorted(Path().rglob("*"))
    outcome = attn("export", *arguments, *(() if "--run" in arguments else ("--run", run)))
    assert outcome.code == 2
    assert outcome.out == ""
    assert wrong in outcome.err
    assert hint in outcome.err
    assert "Traceback" not in outcome.err
    assert sorted(Path().rglob("*")) == before
    assert Path("mine/notes.txt").read_text() == Path("file").read_text() == "mine"


def test_without_a_run_the_command_says_how_to_make_one(attn: Attn) -> None:
    for form in ("hf", "gguf", "onnx"):
        outcome = attn("export", form, "out")
        assert outcome.code == 2
        assert "make one with: attn train" in outcome.err


@pytest.mark.parametrize(
    ("form", "package", "command"),
    [
        ("gguf", "gguf", "python -m pip install gguf"),
        ("onnx", "onnxscript", "python -m pip install onnxscript"),
    ],
)
def test_a_missing_package_is_a_line_with_the_command(
    attn: Attn,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    package: str,
    command: str,
) -> None:
    run = make_run().folder.path
    monkeypatch.setitem(sys.modules, package, None)  # as Python finds what is not installed
    outcome = attn("export", form, "out", "--run", run)
    assert outcome.code == 2
    assert (
        f"attn: attn export {form} needs the package {package}, which is not installed"
        in outcome.err
    )
    assert command in outcome.err
    assert not Path("out").exists()


def test_what_cannot_leave_names_its_option(attn: Attn, make_run: MakeRun) -> None:
    run = make_run("model.position=rope").folder.path
    for form in ("hf", "gguf"):
        outcome = attn("export", form, "out", "--run", run)
        assert outcome.code == 2
        assert "model.position=rope with model.block=gpt2 has no counterpart" in outcome.err
    assert not Path("out").exists()


def test_ngrams_leave_with_code_of_their_own_and_not_as_gguf(attn: Attn, make_run: MakeRun) -> None:
    run = make_run("model.ngrams=[2, 3]").folder.path
    refused = attn("export", "gguf", "out", "--run", run)
    assert refused.code == 2
    assert refused.err.startswith("attn: the gguf export does not support model.ngrams")
    assert not Path("out").exists()
    assert "load it with trust_remote_code=True" in attn("export", "hf", "model", "--run", run).err
    card = Path("model/README.md").read_text("utf-8")
    assert "AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)" in card
    assert "embeddings of n-grams (lengths 2, 3)" in card
    assert attn("import", "model", "--out", "back").code == 0


def test_an_encoder_goes_out_and_comes_back(attn: Attn, make_run: MakeRun) -> None:
    run = make_run("task=mlm").folder.path
    assert attn("export", "hf", "model", "--run", run).code == 0
    back = attn("import", "model", "--out", "back")
    assert back.out == "run back\nnext: attn fill _ --run back\n"
    filled = [attn("fill", "Th_ o_l", "--run", which, "--json").json["samples"]
              for which in (run, "back")]  # fmt: skip
    assert filled[0] == filled[1]


@pytest.mark.parametrize(
    ("form", "task", "what"),
    [
        ("gguf", "mlm", "an encoder, which fills blanks\n  export page or hf or onnx"),
        ("gguf", "classify", "a classifier, which labels texts\n  export page or onnx"),
        ("hf", "classify", "a classifier, which labels texts\n  export page or onnx"),
        ("gguf", "seq2seq", f"{ENCODER_DECODER}\n  export page or hf or onnx"),
    ],
)
def test_what_a_format_cannot_hold_names_what_can(
    attn: Attn, make_run: MakeRun, form: str, task: str, what: str
) -> None:
    outcome = attn("export", form, "out", "--run", make_run(f"task={task}").folder.path)
    assert outcome.code == 2
    assert f"the {form} export does not take" in outcome.err
    assert f"it is {what}" in outcome.err
    assert not Path("out").exists()


def test_import_of_what_is_no_folder(attn: Attn, make_run: MakeRun) -> None:
    assert "nowhere is not a folder" in attn("import", "nowhere").err
    run = make_run().folder.path
    told = attn("import", run)
    assert told.code == 2
    assert "is a run already" in told.err
    attn("export", "hf", "model", "--run", run)
    refused = attn("import", "model", "--out", run)
    assert refused.code == 2
    assert "is not empty" in refused.err
    assert not Path("runs").exists()


def test_names_mean_nothing_in_the_card(attn: Attn, make_run: MakeRun) -> None:
    name = "a*b`c<script>\x1b[31m"
    make_run(name=name, tokenizer=corpus_tokenizer("ab\n"))
    attn("export", "hf", "model", "--run", name)
    card = Path("model/README.md").read_text("utf-8")
    assert r"# a\*b\`c\<script\>?\[31m" in card
    assert "\x1b" not in card


def test_hugging_face_and_gguf_need_no_torch(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run().folder.path
    blocked = (
        "import sys; sys.modules['torch'] = None; sys.argv[0] = 'attn';"
        "from attn_cli.cli.main import main; main()"
    )
    for form, out in (("hf", tmp_path / "hf"), ("gguf", tmp_path / "m.gguf")):
        command = [sys.executable, "-c", blocked, "export", form, out, "--run", run, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["format"] == form


def test_a_large_page_says_what_the_tables_of_ngrams_take(
    attn: Attn, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("model.ngrams=[2,3]", "model.ngram_rows=10000", "model.ngram_embd=4").folder.path
    assert "ngram" not in attn("export", "page", "small.html", "--run", run).err
    monkeypatch.setattr(notes, "LARGE", 1000)
    told = attn("export", "page", "large.html", "--run", run)
    assert told.code == 0
    assert "80,000 of the model's " in told.err
    assert "with a smaller model.ngram_rows, it has a smaller page" in told.err
