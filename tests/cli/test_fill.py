"""`attn fill`, and what other commands say of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.api.load import load
from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]


def test_blanks_are_filled_and_nothing_else_changes(attn: Attn, trained_encoder: Trained) -> None:
    text = "The f_x met t_e owl."
    outcome = attn("fill", text[:16], "--run", trained_encoder.run.path)
    assert outcome.code == 0
    (filled,) = outcome.out.splitlines()
    assert len(filled) == 16
    assert [a for a, b in zip(filled, text, strict=False) if b != "_"] == [
        b for b in text[:16] if b != "_"
    ]
    assert filled == "The fox met the "


def test_standard_input_is_filled_line_by_line(attn: Attn, trained_encoder: Trained) -> None:
    outcome = attn("fill", "-", "--run", trained_encoder.run.path, stdin=b"The f_x\nt_e owl\n")
    assert [len(line) for line in outcome.out.splitlines()] == [7, 7]


def test_standard_input_is_split_at_newlines_alone(attn: Attn, trained_encoder: Trained) -> None:
    outcome = attn("fill", "-", "--run", trained_encoder.run.path, stdin=b"The f_x\ft_e\n")
    assert len(outcome.out) == 12
    assert outcome.out.count("\f") == 1


def test_lines_without_a_blank_pass_unchanged(attn: Attn, trained_encoder: Trained) -> None:
    run = ("--run", trained_encoder.run.path)
    outcome = attn("fill", "-", *run, stdin=b"The fox\n\nmet the f_x\n")
    assert outcome.out == "The fox\n\nmet the fox\n"


def test_a_backslash_makes_a_blank_an_ordinary_character(
    attn: Attn, trained_encoder: Trained
) -> None:
    run = ("--run", trained_encoder.run.path)
    filled = attn("fill", r"T\_e f_x", *run).out
    assert filled == "T_e fox\n"
    assert attn("fill", r"T_e f\?x", "--blank", "_", *run).out == "The f\\?x\n"


def test_a_longer_text_is_filled_from_what_is_around_each_blank(
    attn: Attn, trained_encoder: Trained
) -> None:
    text = "The fox met the owl. The fox met the owl."  # of which the model sees 16 characters
    blanks = text.replace("the", "t_e")
    outcome = attn("fill", blanks, "--run", trained_encoder.run.path)
    assert outcome.out == text + "\n"
    assert "has 41 characters, and the model sees at most 16" in outcome.err


def test_a_blank_that_the_training_text_has_is_told(
    attn: Attn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code.py"
    code.write_text("def my_name(self):\n    return self._name\n" * 30)
    sizes = ("model.n_layer=1", "model.n_embd=8", "model.n_head=1", "model.block_size=8")
    settings = [word for size in sizes for word in ("--set", size)]
    train = ("train", code, "--steps", "1", "--quiet", *settings)
    assert attn(*train, "--task", "mlm", "--out", "code").code == 0
    notice = "_ is in the beginning of the text that the model was trained on, too (60 times)"
    assert notice in attn("fill", "self._na_e", "--run", "code").err
    with monkeypatch.context() as patch:  # no more of the text is read
        patch.setattr("attn_cli.text.decoding.BLOCK", 410)
        assert "(20 times)" in attn("fill", "self._na_e", "--run", "code").err
    assert notice not in attn("fill", r"self.\_na_e", "--run", "code").err
    assert notice not in attn("fill", "self._na?e", "--blank", "?", "--run", "code").err
    assert attn(*train, "--out", "decoder").code == 0
    assert "fills blanks" not in attn("generate", "self._na_e", "--run", "decoder").err


def test_a_blank_for_a_decoder_is_told(attn: Attn, trained: Trained) -> None:
    generate = ("generate", "--max-new-chars", "1", "--run", trained.run.path)
    assert "an encoder fills blanks: attn train TEXT --task mlm" in attn(*generate, "The _wl").err
    assert "blank" not in attn(*generate, "The owl").err


def test_json_has_every_blank_in_the_order_of_certainty(
    attn: Attn, trained_encoder: Trained
) -> None:
    options = ("--alternatives", "3", "--json", "--run", trained_encoder.run.path)
    (sample,) = attn("fill", "The f?x m?t", "--blank", "?", *options).json["samples"]
    assert sorted(blank["position"] for blank in sample["blanks"]) == [6, 10]
    for blank in sample["blanks"]:
        assert sample["text"][blank["position"] - 1] == blank["char"]
        assert blank["alternatives"][0] == {"char": blank["char"], "prob": blank["prob"]}
        assert len(blank["alternatives"]) == 3


def test_a_temperature_draws_and_a_seed_repeats(attn: Attn, trained_encoder: Trained) -> None:
    options = ("--temperature", "5", "--num-samples", "6", "--run", trained_encoder.run.path)
    first, again = (attn("fill", "The ___ met", *options).out for _ in range(2))
    assert first == again
    assert len(set(first.splitlines())) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fill", "no blank"), "no blank in 'no blank'"),
        (("fill", "no", "blank"), "no blank in any of the texts"),
        (("fill", r"The f\_x"), "no blank in"),
        (("fill", "a_b", "--num-samples", "3"), "add --temperature"),
        (("fill", "a_b", "--blank", "__"), "'__' is not one character"),
        (("fill", "é_"), "outside the printable vocabulary"),
    ],
)
def test_what_cannot_be_filled_is_told(
    attn: Attn, trained_encoder: Trained, arguments: tuple[str, ...], message: str
) -> None:
    outcome = attn(*arguments, "--run", trained_encoder.run.path)
    assert outcome.code == 2
    assert message in outcome.err


@pytest.mark.parametrize(
    "command",
    [
        ("generate", "The"),
    ],
)
def test_what_needs_a_decoder_says_so(
    attn: Attn, trained_encoder: Trained, command: tuple[str, ...]
) -> None:
    outcome = attn(*command, "--run", trained_encoder.run.path)
    assert outcome.code == 2
    assert "needs a decoder" in outcome.err
    assert "attn fill" in outcome.err


def test_a_decoder_fills_no_blanks(attn: Attn, trained: Trained) -> None:
    outcome = attn("fill", "The f_x", "--run", trained.run.path)
    assert outcome.code == 2
    assert "attn fill needs an encoder" in outcome.err
    assert "attn train TEXT --task mlm" in outcome.err


def test_a_map_of_an_encoder_is_square(attn: Attn, trained_encoder: Trained) -> None:
    run = ("--run", trained_encoder.run.path)
    outcome = attn("inspect-attention", "The fox", "--layer", "1", "--head", "1", *run)
    assert outcome.code == 0
    weights = attn("inspect-attention", "The fox", "--json", *run).json["weights"]
    assert all(weights[0][0][0][key] > 0 for key in range(7))
    rows = [line for line in outcome.out.splitlines() if line[:1] in "Tfox" and len(line) > 10]
    assert len({len(line.rstrip()) for line in rows if line}) <= 2


def test_the_evaluation_of_an_encoder_is_no_decoders_loss(
    attn: Attn, trained_encoder: Trained
) -> None:
    shown = attn("evaluate", "--run", trained_encoder.run.path)
    assert shown.code == 0
    assert "not to be compared with a decoder's loss" in shown.out
    assert "PPMd" not in shown.out
    record = attn("evaluate", "--json", "--run", trained_encoder.run.path).json
    assert 0.5 < record["accuracy"] <= 1.0
    assert record["baselines"] is None


def test_each_character_of_lines_has_its_bits(attn: Attn, names_file: Path) -> None:
    attn("train", names_file, "--task", "mlm", "--lines", "--steps", "2", "--out", "names")
    piped = attn("evaluate", "-", "--per-char", "--run", "names", stdin=b"Ban\nDeila\n").out
    rows = [line.split("\t") for line in piped.splitlines()[1:]]
    assert [(int(row[0]), row[1]) for row in rows] == [
        *enumerate("Ban", 1), *enumerate("Deila", 5)
    ]  # fmt: skip


def test_bytes_are_not_hidden(attn: Attn, verse_file: Path) -> None:
    outcome = attn("train", verse_file, "--task", "mlm", "--set", "data.tokenizer=bytes")
    assert outcome.code == 2
    assert "data.tokenizer must not be bytes, which only task lm can learn" in outcome.err


def test_a_run_keeps_its_task(attn: Attn, trained_encoder: Trained) -> None:
    outcome = attn("train", "--resume", trained_encoder.run.path, "--task", "lm")
    assert outcome.code == 2
    assert "task mlm -> lm" in outcome.err


def test_weights_to_begin_with_bring_their_task(
    attn: Attn, trained_encoder: Trained, verse_file: Path
) -> None:
    begin = ("train", verse_file, "--steps", "1", "--init-from", trained_encoder.run.path)
    assert attn(*begin, "--quiet", "--out", "again").code == 0
    assert attn("fill", "The f_x", "--run", "again").code == 0
    outcome = attn(*begin, "--task", "lm")
    assert outcome.code == 2
    assert "were trained for task mlm, not lm" in outcome.err
    assert "--task" in outcome.err


def test_an_unknown_task_is_told(attn: Attn, verse_file: Path) -> None:
    outcome = attn("train", verse_file, "--task", "bert")
    assert outcome.code == 2
    assert "--task bert" in outcome.err
    assert "'mlm'" in outcome.err


def test_a_model_of_lines_fills_one_line(attn: Attn, names_file: Path) -> None:
    train = ("train", names_file, "--task", "mlm", "--lines", "--steps", "2", "--out", "names")
    sizes = ("model.n_layer=1", "model.n_embd=8", "model.n_head=1", "model.block_size=8")
    settings = [word for size in sizes for word in ("--set", size)]
    assert attn(*train, *settings, "--quiet").code == 0
    filled = attn("fill", "Ba_____", "--run", "names", "--temperature", "1e-310").out
    assert filled.startswith("Ba")
    assert len(filled) == 8
    too_long = attn("fill", "Ba______", "--run", "names").err
    assert "has 8 characters, and the model sees at most 7" in too_long
    assert "has a newline" in attn("fill", "B_\nD_", "--run", "names").err
    blanks, _ = Path("names/samples.txt").read_text().split("\n")[1:3]
    assert len(blanks) > 1
    shapes = attn("inspect-shapes", "--run", "names", "--json").json
    assert "▢" not in "".join(shapes["characters"])


def test_python_measures_an_encoder_as_evaluate_does(attn: Attn, trained_encoder: Trained) -> None:
    record = attn("evaluate", "--json", "--run", trained_encoder.run.path).json
    model = load(trained_encoder.run.path)
    assert model.loss().loss == record["loss"]
    assert len(model.token_losses("The fox met.")) == 11
