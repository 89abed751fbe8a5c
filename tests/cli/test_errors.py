"""Wrong input: exit code 2, one or two lines, what is wrong, where, what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Trained

Attn = Callable[..., Outcome]


def refused(outcome: Outcome, *words: str) -> None:
    """The user sees one or two lines on standard error, and exit code 2."""
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    lines = outcome.err.strip().splitlines()
    assert 1 <= len(lines) <= 2, outcome.err
    assert lines[0].startswith("attn: ")
    for word in words:
        assert word in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ("mine.txt",)),
        (b"", ("empty",)),
        (b"\x00\x01\x02" * 99, ("binary",)),
        (b"abc\xff" * 99, ("mine.txt is not UTF-8", "at position 3,")),
        ("Grüße aus dem Editor".encode("utf-16"), ("UTF-16, not UTF-8", "save it as UTF-8")),
        (b"far too short", ("too short", "block_size")),
    ],
    ids=["missing", "empty", "binary", "not UTF-8", "UTF-16", "short"],
)
def test_texts(attn: Attn, tmp_path: Path, content: bytes | None, words: tuple[str, ...]) -> None:
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    refused(attn("train", "mine.txt"), *words)
    assert not (tmp_path / "runs").exists()


def test_a_vocabulary_that_does_not_fit_the_text(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("приве́т, мир" * 99, encoding="utf-8")
    printable = ("--set", "data.tokenizer=printable")
    refused(attn("train", "mine.txt", *printable), "over 5%", "set data.tokenizer=corpus")


def test_a_folder_without_text(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.bin").write_bytes(bytes(range(256)))
    refused(
        attn("train", "folder"),
        "the folder folder has no text files; left out: files that look binary (1)",
    )


def test_an_empty_validation_split(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("ab " * 200)
    outcome = attn("train", "mine.txt", "--set", "data.validation_fraction=0.001")
    refused(outcome, "validation split")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "train.stepps=3"), "attn: --set train.stepps=3: unknown key"),
        (("--set", "train.steps"), "attn: --set train.steps: not of the form key=value"),
        (("--steps", "0"), "--steps"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_typed(
    attn: Attn, options: tuple[str, ...], words: str
) -> None:
    refused(attn("train", *options), words)


def test_nothing_on_standard_input(attn: Attn) -> None:
    refused(attn("train", "-", stdin=b""), "standard input is empty")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "train.lerning_rate=1"), ("train.learning_rate",)),
        (("--set", "train.steps=lots"), ("valid integer",)),
        (("--set", "model.dropout=1.5"), ("less than 1",)),
        (("--set", "model.n_head=7"), ("not divisible",)),
        (("--steps", "0"), ("--steps 0", "greater than or equal to 1")),
        (("--steps", "many"), ("--steps",)),
        (("--minutes", "-1"), ("--minutes", "greater than 0")),
        (("--minutes", "1", "--steps", "1"), ("exclude",)),
        (("--seed", "-1"), ("--seed -1",)),
        (("--device", "gpu"), ("--device gpu", "cuda")),
        (("--config", "nowhere.yaml"), ("nowhere.yaml",)),
        (("--conifg", "tales"), ("--conifg",)),
        (("shakespeare",), ("attn data fetch shakespeare",)),
        (("tails",), ("tales",)),
    ],
    ids=lambda value: "",
)
def test_options(attn: Attn, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(attn("train", *arguments), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: [", ("mine.yaml:1", "invalid YAML")),
        ("just words", ("mine.yaml:1", "mapping")),
        ("train:\n  stepz: 3\n", ("mine.yaml:2", "train.stepz", "train.steps")),
    ],
)
def test_configs(attn: Attn, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    refused(attn("train", "--config", "mine.yaml"), *words)


@pytest.mark.skipif(
    __import__("torch").cuda.is_available(), reason="needs a machine on which cuda is missing"
)
def test_a_device_that_is_not_there(attn: Attn, tmp_path: Path) -> None:
    refused(attn("train", "--device", "cuda"), "cuda is not available", "cpu")
    assert not (tmp_path / "runs").exists()


def test_an_output_folder_in_use(
    attn: Attn, tmp_path: Path, verse_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        pytest.fail("sizes were measured for a run that cannot be made")

    monkeypatch.setattr("attn_cli.training.prepare.choose_size", measure)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    refused(attn("train", verse_file, "--out", "out"), "out is not empty")
    refused(attn("train", verse_file, "--out", "out/thesis.txt"), "not a folder")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("command", ["generate", "evaluate"])
def test_no_run_yet(attn: Attn, command: str) -> None:
    refused(attn(command), "no run", "attn train")


def test_a_run_that_is_not_there(attn: Attn, tmp_path: Path) -> None:
    for command in ("generate", "evaluate", "inspect-shapes"):
        refused(attn(command, "--run", "nowhere"), "no run nowhere")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("missing", "model.safetensors"),
        ("flipped", "model.safetensors is damaged"),
        ("state", "state.json is damaged"),
        ("pointer", "checkpoints/best is damaged"),
        ("folder", "no checkpoint at runs/r/checkpoints/step-"),
    ],
)
def test_a_damaged_checkpoint(
    attn: Attn, trained: Trained, tmp_path: Path, damage: str, what: str
) -> None:
    shutil.copytree(trained.run.path, tmp_path / "runs" / "r")
    best = tmp_path / "runs" / "r" / "checkpoints" / trained.run.checkpoint("best").name
    weights = best / "model.safetensors"
    if damage == "missing":
        weights.unlink()
    elif damage == "flipped":
        weights.write_bytes(weights.read_bytes()[:-1] + b"\x77")
    elif damage == "state":
        (best / "state.json").write_text("{")
    elif damage == "pointer":
        (best.parent / "best").write_text("../../elsewhere")
    else:
        shutil.rmtree(best)
    refused(attn("generate", "The"), what)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("naïve café",), ("'ï'", "'é'", "3", "10")),
        (("x", "--temperature", "-1"), ("temperature -1",)),
        (("x", "--temperature", "nan"), ("temperature nan",)),
        (("x", "--top-k", "0"), ("top-k 0 is below 1",)),
        (("x", "--top-p", "0"), ("top-p 0",)),
        (("x", "--top-p", "1.5"), ("top-p 1.5",)),
        (("x", "--max-new-chars", "0"), ("--max-new-chars 0",)),
        (("x", "--num-samples", "0"), ("--num-samples 0",)),
        (("x", "--seed", "-3"), ("seed -3",)),
    ],
    ids=lambda value: "",
)
def test_generate(
    attn: Attn, trained: Trained, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(attn("generate", *arguments, "--run", trained.run.path), *words)


def test_inspect_shapes(attn: Attn, trained: Trained) -> None:
    at = ("--run", trained.run.path)
    refused(attn("inspect-shapes", "x" * 17, *at), "17 characters", "at most 16")
    refused(attn("inspect-shapes", "é", *at), "é")
    refused(attn("inspect-shapes", *at, "--config", "lesson"), "exclude")


def test_evaluate(attn: Attn, trained: Trained, tmp_path: Path) -> None:
    at = ("--run", trained.run.path)
    refused(attn("evaluate", "nowhere.txt", *at), "nowhere.txt")
    (tmp_path / "one.txt").write_text("x")
    refused(attn("evaluate", "one.txt", *at), "too short")


def test_evaluate_notices_that_the_text_changed(
    attn: Attn, tmp_path: Path, verse_file: Path
) -> None:
    text = tmp_path / "mine.txt"
    shutil.copy(verse_file, text)
    trained = attn("train", "mine.txt", "--config", "lesson", "--steps", "3", "--quiet")
    assert trained.code == 0, trained.err
    text.write_text(text.read_text() + "more")
    refused(attn("evaluate"), "has changed", "attn evaluate FILE")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "T", "--out", ""), "'--out': a path is empty"),
        (("train", "T", "--config", ""), "the config has an empty name"),
        (("train", "T", "--init-from", ""), "has an empty name"),
        (("train", "T", "--set", ""), "--set '': not of the form key=value"),
        (("train", "T", "--device", ""), "--device '': should be"),
        (("train", "T", "--logger", ""), "--logger '': should be"),
        (("train", ""), "no file, folder or built-in text ''"),
        (("generate", "--run", ""), "'--run': a path is empty"),
        (("inspect-shapes", "--config", ""), "the config has an empty name"),
        (("inspect-training", ""), "a path is empty"),
        (("explain", "--html", ""), "'--html': a path is empty"),
        (("export", "page", ""), "a path is empty"),
        (("import", ""), "a path is empty"),
    ],
)
def test_an_empty_value_is_named(
    attn: Attn, verse_file: Path, arguments: tuple[str, ...], words: str
) -> None:
    """What `--out "$OUT"` gives where OUT is not set."""
    refused(attn(*(str(verse_file) if each == "T" else each for each in arguments)), words)


@pytest.mark.parametrize("kind", ["trained", "trained_encoder"])
@pytest.mark.parametrize(
    "command",
    [
        ("inspect-attention", ""),
        ("inspect-attention", "", "--html", "page.html"),
        ("inspect-logits", ""),
        ("inspect-shapes", ""),
        ("inspect-training", "--text", ""),
        ("explain", ""),
        ("export", "page", "page.html", "--text", ""),
    ],
    ids=" ".join,
)
def test_a_text_to_look_at_has_characters(
    attn: Attn, request: pytest.FixtureRequest, kind: str, command: tuple[str, ...]
) -> None:
    outcome = attn(*command, "--run", request.getfixturevalue(kind).run.path)
    if kind == "trained" and command[0] in ("inspect-logits", "inspect-shapes"):
        assert outcome.code == 0  # what a text begins after, and what follows it
        assert "on '\\n' (1 character)" in outcome.err
    else:
        refused(outcome, "the text is empty", "at least one character")


def test_the_tiny_model_needs_a_text_and_a_prompt_may_be_empty(
    attn: Attn, trained: Trained
) -> None:
    refused(attn("explain", "--tiny", ""), "the text is empty")
    assert attn("generate", "", "--run", trained.run.path, "--max-new-chars", "5").code == 0


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("stroy.txt", "did you mean story.txt?"),
        ("texts/stroy.txt", "did you mean texts/story.txt?"),
        ("nowhere/story.txt", "the folder nowhere is not there either"),
        ("tails", "did you mean tales?"),
    ],
)
def test_a_name_of_nothing(attn: Attn, tmp_path: Path, name: str, meant: str) -> None:
    (tmp_path / "texts").mkdir()
    for folder in (tmp_path, tmp_path / "texts"):
        (folder / "story.txt").write_text("The owl")
    refused(attn("train", name), meant)


def test_a_built_in_text_beside_a_folder_of_its_name(attn: Attn, tmp_path: Path) -> None:
    (tmp_path / "tales").mkdir()
    (tmp_path / "tales" / "mine.txt").write_text("The owl sat.\n" * 9)
    recipe = ("--config", "lesson", "--steps", "2", "--set", "model.block_size=8")
    assert "tales is the built-in text" in attn("train", "tales", *recipe).err
    assert "built-in" not in attn("train", "./tales", *recipe).err


@pytest.mark.parametrize("command", [("train", "T", "--minutes", "1"), ("runs",), ("generate",)])
def test_a_file_of_the_name_of_the_folder_of_runs(
    attn: Attn, tmp_path: Path, verse_file: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "runs").write_text("my best times")
    outcome = attn(*(str(verse_file) if each == "T" else each for each in command))
    refused(outcome, "runs is a file, and the runs are in a folder of that name", "ATTN_RUNS")


def test_unknown_commands(attn: Attn) -> None:
    refused(attn("trian"), "trian")
    refused(attn("data", "fetch", "nothing"), "nothing", "shakespeare")
    refused(attn("data", "fetch", "names", "--url", "file:///etc/passwd"), "http")


def test_a_defect_is_a_line_and_a_traceback_only_on_request(
    attn: Attn, monkeypatch: pytest.MonkeyPatch, trained: Trained
) -> None:
    """Stands for any error that nobody foresaw."""
    import attn_cli.generation.text_generator as text_generator

    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("something\nunforeseen")

    monkeypatch.setattr(text_generator, "generate", broken)
    outcome = attn("generate", "x", "--run", trained.run.path)
    assert outcome.code == 1
    assert outcome.err.startswith("attn: unexpected RuntimeError: something\n  ")
    assert "ATTN_DEBUG=1" in outcome.err


def test_control_characters_of_a_name_do_not_reach_the_terminal(attn: Attn) -> None:
    outcome = attn("train", "evil\x1b[31m.txt")
    refused(outcome)
    assert "\x1b" not in outcome.err
