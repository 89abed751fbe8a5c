"""From a configuration to an objective: the one place that constructs them."""

from collections.abc import Callable

from attn_cli.config.schema import Config, Task
from attn_cli.objectives.labels import Labels
from attn_cli.objectives.masked import Masked
from attn_cli.objectives.next_char import NextChar
from attn_cli.objectives.pairs import Pairs
from attn_cli.objectives.text_objective import TextObjective
from attn_cli.text.corpus import Corpus


def make_objective(config: Config, corpus: Corpus) -> TextObjective:
    """The objective of a run's task.

    Args:
        config: Of the run.
        corpus: Its text; of its lines, none is too long for the model.
    """
    objectives: dict[Task, Callable[[Config, Corpus], TextObjective]] = {
        "lm": NextChar,
        "mlm": Masked,
        "classify": Labels,
        "seq2seq": Pairs,
    }
    return objectives[config.task](config, corpus)
