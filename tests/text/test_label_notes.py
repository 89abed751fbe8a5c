from dataclasses import replace

import numpy as np

from attn_cli.text.label_notes import label_notes
from attn_cli.text.lines import find_lines
from attn_cli.text.tokenizer import printable_tokenizer


def notes(rows: list[tuple[str, int]], held_out: list[int], names: tuple[str, ...]) -> list[str]:
    tokenizer = printable_tokenizer()
    lines = find_lines(tokenizer.encode("\n".join(text for text, _ in rows)), tokenizer)
    lines = replace(lines, line_labels=np.array([label for _, label in rows], np.uint8))
    is_held_out = np.isin(np.arange(len(rows)), held_out)
    return list(label_notes(lines[~is_held_out], lines[is_held_out], names))


def test_only_the_most_frequent_label_is_told_of_plain_data() -> None:
    rows = [(f"{label} {i}", label) for label in (0, 1) for i in range(20 + 20 * label)]
    assert notes(rows, [0, 1, 20, 21], ("x", "y")) == [
        "2 labels ('x', 'y'); the most frequent is 'y', that of 66.7% of the examples"
    ]


def test_rare_labels_and_those_on_one_side_are_told() -> None:
    rows = [*((f"x {i}", 0) for i in range(20)), ("a", 1), ("b", 1), ("c", 2)]
    assert notes(rows, [0, 22], ("x", "y", "z"))[1:] == [
        "1 label ('z') only in validation: the model cannot learn them",
        "1 label ('y') only in training: nothing tells how well they are learned",
        "2 labels ('z', 'y') with fewer than 10 examples",
    ]


def test_copies_and_texts_with_several_labels_are_told() -> None:
    rows = [*((f"{label} {i}", label) for label in (0, 1) for i in range(15))]
    # "ada" is 0 twice and 1 once, "bo" each once, and "cy" three times the same.
    rows += [("ada", 0), ("bo", 0), ("ada", 1), ("ada", 0), ("bo", 1), *3 * [("cy", 1)]]
    assert notes(rows, [0, 15], ("x", "y"))[1:] == [
        "copies of another example, text and label: 3",
        "2 texts with two labels or more (5 examples): at best 60.0% of these can be right, "
        "94.7% of all",
    ]
