"""A lesson for a terminal that has only ASCII."""

from dataclasses import replace

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part, SideBySide, Stage, Table

# What stands for a sign of mathematics or print; all else is escaped.
SIGNS = str.maketrans(
    {
        "×": "x", "√": "sqrt ", "∞": "inf", "ᵀ": "^T", "π": "pi", "…": "...", "∅": "-",
        "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "·": ".", "␣": "_",
        "⏎": "\\n", "⇥": "\\t", "␌": "\\f", "▢": "_",
    }
)  # fmt: skip


def as_ascii(step: LessonStep) -> LessonStep:
    """A step whose words and numbers have only ASCII; a map has signs of its own."""
    return replace(
        step,
        title=_text(step.title),
        parts=tuple(map(_part, step.parts)),
        way=tuple(Stage(_text(stage.name), _text(stage.shape)) for stage in step.way),
    )


def _part(part: Part) -> Part:
    if isinstance(part, str):
        return _text(part)
    if isinstance(part, Formula):
        return Formula(tuple(map(_text, part.lines)))
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, SideBySide):
        return SideBySide(_table(part.left), _table(part.right))
    return part


def _table(table: Table) -> Table:
    return Table(
        _text(table.caption),
        tuple(map(_text, table.columns)),
        tuple((_text(name), tuple(map(_text, cells))) for name, cells in table.rows),
    )


def _text(text: str) -> str:
    return text.translate(SIGNS).encode("ascii", "backslashreplace").decode("ascii")
