"""How texts are read: as they are, or as the columns of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from attn_cli.config.schema import Config
from attn_cli.text.pair_format import PairFormat, TargetTokens
from attn_cli.text.records import RecordColumns


@dataclass(frozen=True)
class ReadOptions:
    """How the texts that a user named are read."""

    encoding: str = "utf-8"  # of files and standard input, by a name that Python knows
    # The column of the text in tables, or the columns of sources; None: files are read as they are.
    column: str | Sequence[str] | None = None
    lines: bool = False  # whether each row of a table is a line; else it is a document
    labelled: bool = False  # whether each line has a label: texts are tables, or folders of labels
    label: str | None = None  # what the labels are in tables; None: the second column
    pairs: bool = False  # whether each row of a table is a source and its target
    target: str | None = None  # the column of targets; None: that of a usual name, or the next
    features: Sequence[str] = ()  # the columns of the sources' features
    target_tokens: TargetTokens = "auto"  # what targets consist of

    @property
    def are_tables(self) -> bool:
        """Whether each text can only be a table."""
        return self.pairs or any(each is not None for each in (self.column, self.label))

    def columns(self, text: str | Sequence[str] | None) -> RecordColumns:
        """The columns to read from a table.

        Args:
            text: The column of the texts; where None, the first that is not that of the labels. Of
                pairs, columns that are not named are left open.
        """
        if self.pairs:
            sources = (text,) if isinstance(text, str) and text else tuple(text or ())
            return RecordColumns(sources, self.target, features=tuple(self.features))
        assert text is None or isinstance(text, str)
        if not self.labelled:
            assert text is not None
            return RecordColumns((text,))
        text = text or ("2" if self.label == "1" else "1")
        return RecordColumns((text,), label=self.label or ("1" if text == "2" else "2"))

    def resolved(self, pair_format: PairFormat) -> ReadOptions:
        """These options for further texts, to be read like one of this format."""
        tokens: TargetTokens = "words" if pair_format.target_words else "characters"
        return replace(self, target_tokens=tokens)


PLAIN = ReadOptions()  # text in UTF-8


def read_options(config: Config) -> ReadOptions:
    """How a configuration says that its texts are read."""
    data = config.data
    return ReadOptions(
        data.encoding,
        data.column if config.task == "seq2seq" or data.column is None else data.column[0],
        lines=data.records == "lines",
        labelled=config.task == "classify",
        label=data.label,
        pairs=config.task == "seq2seq",
        target=data.target,
        features=data.features or (),
        target_tokens=data.target_tokens,
    )
