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
    # What the text is in tables; None: they are read as they are. Of pairs, there may be several.
    column: str | Sequence[str] | None = None
    lines: bool = False  # whether each row of a table is a line; else it is a document
    labelled: bool = False  # whether each line has a label: texts are tables, or folders of labels
    label: str | None = None  # what the labels are in tables; None: the second column
    pairs: bool = False  # whether each row of a table is a source and its target
    target: str | None = None  # what the targets are; None: the second column
    features: Sequence[str] = ()  # what the features of the sources are
    target_tokens: TargetTokens = "auto"  # what targets consist of

    @property
    def are_tables(self) -> bool:
        """Whether each text can only be a table."""
        return self.pairs or any(each is not None for each in (self.column, self.label))

    def columns(self, text: str | Sequence[str] | None) -> RecordColumns:
        """The columns to read from a table.

        Args:
            text: That of the texts; where None, it is the first but that of the labels. Of pairs,
                those that are not named are left open.
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
        """The same for other texts, which are read as one of this format was."""
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
