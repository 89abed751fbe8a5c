from collections.abc import Iterator

import pytest

from attn_cli.errors import DatasetError
from attn_cli.text.json_lines import JsonLinesTable


def table_of(text: str) -> JsonLinesTable:
    def chunks() -> Iterator[str]:
        return iter([text[:5], text[5:]])

    return JsonLinesTable("t.jsonl", chunks)


@pytest.mark.parametrize("size", [1, 7, 99])
def test_rows_are_found_wherever_chunks_end(size: int) -> None:
    text = '{"text": "one"}\n\n{"text": "two"}'
    chunks = [text[begin : begin + size] for begin in range(0, len(text), size)]
    rows = list(JsonLinesTable("t", lambda: iter(chunks)).rows([0]))
    assert rows == [(1, ("one",)), (3, ("two",))]


def test_objects_may_lack_columns() -> None:
    table = table_of('{"a": "1"}\n\n{"b": 2, "a": null}\n{"c": {"d": []}}')
    assert table.columns == ("a", "b", "c")
    assert list(table.rows([1, 0])) == [(1, (None, "1")), (3, (2, None)), (4, (None, None))]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('{"a": 1}\n{"a": 1,}\n', ": line 2 is not valid JSON: ", "each line is an object"),
        ('{"a": 1}\n\n{"a": "x\n', ": line 3 is not valid JSON: ", "each line is an object"),
        ("{}\n5\n", ": line 2 is not a JSON object", "each line is an object"),
        ('[{"a": 1},\n', ": line 1 is not valid JSON: ", "jq -c"),
        ('[{"a": 1}]\n', ": line 1 is not a JSON object", "jq -c"),
        ('{"a": ' + "[" * 10**5, ": line 1 cannot be read", "each line is an object"),
        ('{"a": ' + "1" * 10**4 + "}", ": line 1 cannot be read", "each line is an object"),
        ("", " has no rows", "give a table"),
    ],
    ids=lambda value: value[:12],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(DatasetError) as caught:
        list(table_of(text).rows([]))
    assert caught.value.message.startswith(f"t.jsonl{message}")
    assert hint in (caught.value.hint or "")
