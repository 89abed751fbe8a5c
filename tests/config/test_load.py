"""A wrong configuration is one line that names file, line, key and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.config.load import Override, dump_config, load_config, parse_override
from attn_cli.config.presets import find_config, presets
from attn_cli.config.schema import Config
from attn_cli.errors import AttnError, ConfigError


def error_of(*settings: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(None, [parse_override(setting) for setting in settings])
    return caught.value


def error_in(tmp_path: Path, text: str | bytes) -> ConfigError:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1E1", 10.0), (".5", 0.5), ("-.5", None), ("2.5e-4", 2.5e-4), ("1", 1.0)],
)
def test_numbers_are_written_as_people_write_them(text: str, value: float | None) -> None:
    if value is None:
        assert "greater" in error_of(f"train.learning_rate={text}").message
    else:
        settings = [f"train.learning_rate={text}", "train.min_learning_rate=0"]
        config = load_config(None, [parse_override(setting) for setting in settings])
        assert config.train.learning_rate == value


def test_later_overrides_win_over_earlier_ones_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("train:\n  steps: 5\n  seed: 9\n")
    overrides = [parse_override("train.steps=6"), Override("train.steps", 7, "--steps 7")]
    config = load_config(path, overrides)
    assert (config.train.steps, config.train.seed) == (7, 9)


def test_what_is_dumped_loads_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    config = load_config(None, [parse_override("data.text=[a, é]"), parse_override("train.seed=3")])
    path.write_text(dump_config(config), encoding="utf-8")
    assert load_config(path) == config


def test_an_empty_section_or_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for text in ("", "# nothing\n", "train:\n"):
        path.write_text(text)
        assert load_config(path) == Config()


def test_a_column_may_be_a_number() -> None:
    (column, year) = (
        load_config(None, [parse_override(f"data.column={value}")]).data.column
        for value in ("2", "name")
    )
    assert (column, year) == (["2"], ["name"])


def test_unknown_key_names_file_line_and_nearest(tmp_path: Path) -> None:
    error = error_in(tmp_path, "model:\n  n_layer: 2\n  n_hed: 4\n")
    assert error.message.endswith("mine.yaml:3: model.n_hed: unknown key")
    assert error.hint == "did you mean model.n_head?"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("train.lr", "train.learning_rate"),
        ("max_iters", "train.steps"),
        ("model.n_layers", "model.n_layer"),
        ("train.lerning_rate", "train.learning_rate"),
        ("n_layer", "model.n_layer"),
        ("data.n_embd", "model.n_embd"),
        ("trian", "train"),
    ],
)
def test_nearest_key(key: str, meant: str) -> None:
    assert error_of(f"{key}=1").hint == f"did you mean {meant}?"


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    error = error_in(tmp_path, "model:\n  n_hed: 4\ntrain:\n  steps: many\n")
    assert "model.n_hed" in error.message
    assert error.hint is not None
    assert "train.steps" in error.hint


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.n_layer=0", "greater than or equal to 1, not 0"),
        ("model.n_layer=1.5", "valid integer, not 1.5"),
        ("model.n_layer=two", "valid integer, not 'two'"),
        ("model.bias=1", "valid boolean, not 1"),
        ("model.label_ngrams=[2, 2]", "names a length twice"),
        ("train.steps=true", "valid integer, not True"),
        ("train.learning_rate=.nan", "finite number"),
        ("train.learning_rate=fast", "valid number, not 'fast'"),
        ("train.seed=-1", "greater than or equal to 0"),
        ("train.device=gpu", "'auto', 'cpu', 'cuda' or 'mps', not 'gpu'"),
        ("train.micro_batch_size=x", "'auto'"),
        ("data.text=[]", "at least 1 item"),
        ("data.text=3", "should be a list, as [3]"),
        ("data.encoding=latin11", "there is no encoding 'latin11': did you mean latin1?"),
        ("data.encoding=base64", "there is no encoding 'base64'"),
        ("data.encoding=8", "valid string, not 8"),
        ("data.column=true", "valid string, not True"),
        ("data.validation_fraction=1", "less than 1"),
        ("model.n_head=3", "n_embd (128) is not divisible by n_head (3)"),
        ("train.micro_batch_size=5", "batch_size (12) is not divisible by micro_batch_size (5)"),
        ("train.min_learning_rate=1", "above learning_rate"),
        ("train=3", "mapping"),
    ],
)
def test_wrong_values(setting: str, words: str) -> None:
    message = error_of(setting).message
    assert message.startswith(f"{setting}: ")
    assert words in message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("model.position=rope", "model.n_embd=12", "model.n_head=4"), "even head size"),
        (("model.source_neighbours=true",), "of sources, in task seq2seq alone"),
        (("model.position=sinusoidal", "model.n_embd=9", "model.n_head=3"), "even n_embd"),
        (("model.block=qwen3", "model.bias=true"), "no biases"),
    ],
)
def test_values_that_do_not_go_together(settings: tuple[str, ...], words: str) -> None:
    assert words in error_of(*settings).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "mine.yaml:1: a configuration is a mapping"),
        ("model: {n_layer: 2\n", "mine.yaml:2: invalid YAML"),
        ("a: b: c\n", "mine.yaml:1: invalid YAML"),
        ("model: {}\nmodel: {}\n", "mine.yaml:2: model is given twice"),
        ("a: &x [1]\nb: *x\n", "mine.yaml:2: YAML aliases"),
        ("a: 1979-13-45\n", "month must be"),
        ("!!python/object:os.system x\n", "a configuration is a mapping"),
        ("a: !!python/object:os.system x\n", "could not determine a constructor"),
        ("? [1]\n: 2\n", "a key must be a plain word"),
        ("[" * 50_000, "nested too deeply"),
        (b"\x00", "invalid YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"#" * 1_000_001, "larger than"),
    ],
)
def test_broken_files(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert words in error_in(tmp_path, text).message


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read config"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="no config") as caught:
        find_config("tails")
    assert caught.value.hint == "did you mean tales?"
    with pytest.raises(ConfigError, match="folder"):
        find_config(str(tmp_path))


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("train.steps", "train.steps: not of the form key=value"),
        ("=3", "=3: not of the form key=value"),
        ("", "'': not of the form key=value"),
        ("train.steps=[", r"train.steps=\[: invalid YAML"),
        ("train.steps=1\n2: 3", "train.steps=1.*: invalid YAML"),
    ],
)
def test_overrides_that_cannot_be_read(setting: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^{problem}"):
        parse_override(setting)
    with pytest.raises(ConfigError, match=r"^line 7: "):
        parse_override(setting, origin="line 7")


def test_a_wrong_override_is_named_by_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("train:\n  steps: many\n  warmup_steps: 2\n")
    override = parse_override("train.steps=few", origin="the slider")
    with pytest.raises(ConfigError, match=r"^the slider: .*, not 'few'"):
        load_config(path, [override])
    with pytest.raises(ConfigError, match=r"mine\.yaml:2: train\.steps: .*, not 'many'"):
        load_config(path, [parse_override("train.seed=3", origin="the slider")])


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_every_preset_loads_and_says_what_it_is(preset: object) -> None:
    path = preset.path  # type: ignore[attr-defined]
    assert isinstance(load_config(path), Config)
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert any("attn train" in line for line in head), "the command is missing"
    assert any("bits" in line for line in head), "the result is missing"


def test_the_default_is_listed_first() -> None:
    assert presets()[0].name == "tales"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["data", "model", "train", "text", "steps", "n_embd", "x"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_yaml_is_a_config_or_an_error_of_ours(value: object) -> None:
    """Whatever a file holds, the user never sees a traceback."""
    overrides = [Override("train", value, "--set train"), Override("a.b", value, "x")]
    assert "\n" not in _error(lambda: load_config(None, overrides))
    text = yaml.safe_dump(value, default_flow_style=True)
    assert "\n" not in _error(lambda: parse_override(f"model.n_embd={text}"))


def _error(action: Callable[[], object]) -> str:
    """The message of an error of ours; nothing where there is none."""
    try:
        action()
    except AttnError as error:
        return error.message
    return ""
