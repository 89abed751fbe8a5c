from attn_cli.config.diff import apply_changes, diff_configs
from attn_cli.config.load import load_config, parse_override
from attn_cli.config.schema import Config


def config_of(*settings: str) -> Config:
    return load_config(None, [parse_override(setting) for setting in settings])


def test_changes_are_named_with_both_values_in_the_order_of_the_schema() -> None:
    old = config_of("train.learning_rate=0.002", "train.loggers=[csv]")
    new = config_of("sample.top_k=3", "train.loggers=[csv, wandb]", "train.steps=5000")
    assert [str(change) for change in diff_configs(old, new)] == [
        "train.steps 2000 -> 5000",
        "train.learning_rate 0.002 -> 0.001",
        "train.loggers csv -> csv, wandb",
        "sample.top_k none -> 3",
    ]


def test_equal_configurations_do_not_differ() -> None:
    assert list(diff_configs(Config(), Config())) == []


def test_auto_leaves_what_the_run_has_resolved() -> None:
    resolved = config_of("train.precision=fp32", "train.micro_batch_size=4", "train.device=cpu")
    assert list(diff_configs(resolved, Config())) == []
    assert [change.key for change in diff_configs(Config(), resolved)] == [
        "train.micro_batch_size",
        "train.precision",
        "train.device",
    ]


def test_the_name_of_the_text_may_change_and_what_makes_the_run_may_not() -> None:
    new = config_of(
        "data.text=elsewhere.txt", "data.tokenizer=bytes", "model.n_layer=2",
        "train.seed=1", "train.batch_size=8", "train.steps=7", "train.init_from=runs/x",
    )  # fmt: skip
    changes = {change.key: change.immutable for change in diff_configs(Config(), new)}
    assert changes == {
        "data.tokenizer": True,
        "model.n_layer": True,
        "train.steps": False,
        "train.batch_size": True,
        "train.seed": True,
        "train.init_from": True,
    }


def test_applied_changes_give_the_other_configuration() -> None:
    old, new = config_of("train.loggers=[csv]"), config_of("train.steps=7", "sample.top_p=0.5")
    assert apply_changes(old, list(diff_configs(old, new))) == new
