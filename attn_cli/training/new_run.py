"""What a new run starts from: its configuration, its text, and weights to begin with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from attn_cli.config.diff import ConfigChange, diff_configs
from attn_cli.config.load import Override, load_config
from attn_cli.config.presets import DEFAULT, find_config
from attn_cli.config.schema import TASKS_OF_RECORDS, Config, Task
from attn_cli.errors import ConfigError, InputError
from attn_cli.model.parameter_shapes import parameter_shapes
from attn_cli.runs.checkpoint import Checkpoint, read_current
from attn_cli.runs.loggers.logger import require_loggers
from attn_cli.runs.run_folder import RunFolder
from attn_cli.runs.run_lookup import find_checkpoint
from attn_cli.text.corpus import Corpus, load_configured_corpus
from attn_cli.text.sources import LABEL_COLUMN, TEXT_COLUMN
from attn_cli.text.tables import table_ending
from attn_cli.training.auto_size import SizeChoice
from attn_cli.training.distributed.world import World
from attn_cli.training.request import RunRequest
from attn_cli.training.size_recipes import record_settings

# What stands for standard input among the names of texts.
STDIN_NAME = "-"
# For a text of the user's, where nothing says when the run ends.
DEFAULT_MINUTES = 1.0

# Makes a configuration of some settings, by dotted key, under all that the user set.
Configure = Callable[[dict[str, Any]], Config]


class ConfigureFrom(Protocol):
    """Makes one likewise, and says where the settings are from."""

    def __call__(self, chosen: dict[str, Any], origin: str) -> Config: ...


@dataclass(frozen=True)
class RunStart:
    """What a run starts from.

    Attributes:
        config: Its configuration, with `auto` where the machine still has to choose.
        corpus: Its text.
        init_from: A checkpoint whose weights a new run begins with.
        resume_from: The checkpoint that a stopped run is resumed from.
        resize: Where the time decides on the size of the model: makes a configuration of a size.
        size: What it decided on, once it has.
        changes: The settings that are other than they were in the stopped run.
        notes: What the user should know, a line each.
    """

    config: Config
    corpus: Corpus
    init_from: Checkpoint | None = None
    resume_from: Checkpoint | None = None
    resize: Configure | None = None
    size: SizeChoice | None = None
    changes: tuple[ConfigChange, ...] = ()
    notes: tuple[str, ...] = ()


def run_config(request: RunRequest) -> tuple[Config, ConfigureFrom]:
    """The configuration of a new run; and what makes another one, of settings from elsewhere.

    The settings go under all that the user set; the second argument says where they are from.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    source = find_config(DEFAULT if request.config is None else request.config)
    of_text = (Override(key, value, "text") for key, value in request.builtin_settings.items())
    overrides = (*of_text, *request.overrides)
    of_records = load_config(source, overrides).task in TASKS_OF_RECORDS
    defaults: tuple[Override, ...] = ()
    if request.has_own_text and not of_records:  # the built-in tales are lines
        defaults = (Override("data.records", "stream", "text"),)
    if request.has_own_text:
        # Accents and the like, which a text can do without, often tell labels or targets apart.
        kind = "corpus" if of_records and request.init_from is None else "auto"
        overrides = (Override("data.tokenizer", kind, "text"), *overrides)
    if _chooses_size(request, of_records=of_records) and request.leaves_end_open:
        overrides = (*overrides, Override("train.minutes", DEFAULT_MINUTES, "text"))

    def configure(chosen: dict[str, Any], origin: str) -> Config:
        beneath = [Override(key, value, origin) for key, value in chosen.items()]
        return load_config(source, [*defaults, *beneath, *overrides])

    return load_config(source, (*defaults, *overrides)), configure


def new_run(request: RunRequest, world: World) -> RunStart:
    """What a new run starts from.

    Raises:
        AttnError: The configuration, the text or the checkpoint to begin with cannot be used.
    """
    config, configure = run_config(request)
    require_loggers(config.train.loggers)
    if world.world_size > 1 and STDIN_NAME in config.data.text:
        raise InputError(
            f"standard input cannot be read by {world.world_size} processes",
            "save the text to a file and name that",
        )
    keeps_columns = config.data.column is None or config.task == "seq2seq"
    as_it_is = keeps_columns and config.data.encoding == "utf-8"
    if config.data.validation and STDIN_NAME in config.data.text and not as_it_is:
        # Its text is saved in the run, and is then read in another way than the other file.
        raise InputError(
            "data.validation cannot be combined with a table or another encoding in standard input",
            "save the text to a file and name that",
        )

    init_from, inherited, origin = None, dict[str, Any](), "`minutes`"
    if request.init_from is not None:
        init_from, origin = init_checkpoint(request.init_from), f"`init_from` {request.init_from}"
        inherited = _settings_of(init_from, config.task)
        config = configure(inherited, origin)
    start = start_over(config, init_from)
    is_table = any(table_ending(Path(name)) for name in config.data.text)  # which has its own hint
    said = {override.key for override in request.overrides}
    if not request.has_own_text:
        said |= {f"data.{key}" for key in config.data.model_fields_set}
    if start.corpus.list_lines and "data.records" not in said and not is_table:
        start = replace(start, notes=(*start.notes, _list_hint(start.corpus.list_lines)))
    of_records = config.task in TASKS_OF_RECORDS
    if _chooses_size(request, of_records=of_records) and config.train.minutes:
        start = replace(start, resize=lambda chosen: configure(chosen | inherited, origin))
    elif _chooses_size(request, of_records=of_records) and of_records:
        chosen = record_settings(start.corpus) | inherited
        start = replace(start, config=configure(chosen, "`steps`"))
    return start


def _chooses_size(request: RunRequest, *, of_records: bool) -> bool:
    """Whether the time and the text decide on what the request leaves open.

    In the tasks that learn records they do so even if the model is configured or initialised from
    another: a recipe of theirs is more than a size.
    """
    if of_records:
        return request.has_own_text
    return request.leaves_size_open and request.init_from is None


def _list_hint(lines: int) -> str:
    return f"it looks like a list of {lines:,} lines; to learn it line by line: `lines`"


def start_over(config: Config, init_from: Checkpoint | None = None) -> RunStart:
    """What a run of this configuration starts from at step 0.

    Args:
        config: Its text is read in the vocabulary of the checkpoint that it begins with.
        init_from: That checkpoint; by default the one that the configuration names, if any.

    Raises:
        AttnError: The text or the checkpoint cannot be used, or they do not fit.
    """
    if init_from is None and config.train.init_from:
        init_from = init_checkpoint(config.train.init_from)
    data = config.data
    if init_from is None:
        corpus = load_configured_corpus(config)
        return RunStart(config, corpus, notes=corpus.notes)
    _require_same_shapes(config, init_from)
    tokenizer = init_from.tokenizer
    if data.tokenizer not in ("auto", tokenizer.kind):
        raise ConfigError(
            f"data.tokenizer is {data.tokenizer}, and {init_from.folder} has {tokenizer.kind}",
            "leave data.tokenizer as it is there: a model keeps its vocabulary",
        )
    corpus = load_configured_corpus(config, tokenizer)
    note = f"begins with the weights of {init_from.folder}"
    return RunStart(config, corpus, init_from, notes=(note,))


def init_checkpoint(name: str) -> Checkpoint:
    """The checkpoint that `train.init_from` names: itself, or the one to use of a run.

    Raises:
        CheckpointError: There is none.
    """
    if not name:
        raise ConfigError("the run to begin from has an empty name", "leave `init_from` out")

    def find() -> tuple[RunFolder, Path]:
        run, folder = find_checkpoint(Path(name))
        return run, folder.resolve()

    _, checkpoint = read_current(find, with_weights=True)
    return checkpoint


# Of which task the weights may be that a run of a task begins with.
_MAY_BEGIN = {
    ("lm", "lm"),
    ("mlm", "mlm"),
    ("mlm", "classify"),
    ("classify", "classify"),
    ("seq2seq", "seq2seq"),
}


def saved_text_settings(config: Config, path: Path) -> dict[str, Any]:
    """The settings, by dotted key, that read a text again which was saved in a file."""
    settings: dict[str, Any] = {"data.text": [str(path.resolve())], "data.encoding": "utf-8"}
    if config.task == "classify":
        settings |= {"data.column": [TEXT_COLUMN], "data.label": LABEL_COLUMN}
    elif config.task != "seq2seq":  # pairs are saved in their columns
        settings |= {"data.column": None}
    return settings


def with_text(config: Config, path: Path) -> Config:
    """The configuration with a file as its text that was read by it before."""
    settings = saved_text_settings(config, path)
    as_saved = {key.removeprefix("data."): value for key, value in settings.items()}
    data = config.data.model_copy(update=as_saved)
    return config.model_copy(update={"data": data})


def with_sources(config: Config, corpus: Corpus) -> Config:
    """The configuration with its texts named so that they are found from any folder."""
    names: dict[str, Any] = {"text": list(corpus.sources)}
    if (pair_format := corpus.source.pair_format) is not None:
        names["target_tokens"] = "words" if pair_format.target_words else "characters"
    if corpus.validation_text is not None:
        names["validation"] = list(corpus.validation_text.sources)
    return config.model_copy(update={"data": config.data.model_copy(update=names)})


def _settings_of(checkpoint: Checkpoint, task: Task) -> dict[str, Any]:
    """What a configuration of a task has to say to go with a checkpoint: its model and vocabulary.

    What only a classifier has is not said by an encoder, nor how it is regularised.
    """
    model = {f"model.{key}": value for key, value in checkpoint.config.model.model_dump().items()}
    if task == "classify" and checkpoint.config.task != task:
        own = ("model.dropout", "model.label_")
        model = {key: value for key, value in model.items() if not key.startswith(own)}
    records = {"data.records": "lines"} if checkpoint.config.task in TASKS_OF_RECORDS else {}
    return {
        **model,
        **records,
        "task": checkpoint.config.task,
        "data.tokenizer": checkpoint.tokenizer.kind,
        "train.init_from": str(checkpoint.folder),
    }


def _require_same_shapes(config: Config, checkpoint: Checkpoint) -> None:
    """Refuses weights of another model; a classifier may begin with those of an encoder."""
    vocab_size = checkpoint.tokenizer.vocab_size
    both = (config, checkpoint.config)
    if (checkpoint.config.task, config.task) not in _MAY_BEGIN:
        raise ConfigError(
            f"the weights of {checkpoint.folder} were trained for task {checkpoint.config.task}, "
            f"not {config.task}",
            "leave `task` out to train on for the same",
        )
    # The head is another one where labels are others, and is not counted.
    own, others = (parameter_shapes(each.model, vocab_size, task=each.task) for each in both)
    if own != others:
        changes = diff_configs(checkpoint.config, config)
        differing = [str(change) for change in changes if change.key.startswith("model.")]
        raise ConfigError(
            f"the weights of {checkpoint.folder} do not fit another model: {', '.join(differing)}",
            "leave the model as it is there; only its dropout is free",
        )
