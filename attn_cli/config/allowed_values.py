"""What each key of a configuration can be set to, in words and as choices, from the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attn_cli.config.schema import Config

ValueSchema = Mapping[str, Any]  # JSON Schema of one value

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true, false",
    "null": "null",
}
_SEED_LIMIT = 2**63  # too long a number to be read


def value_schemas() -> dict[str, ValueSchema]:
    """The JSON Schema of each key, by its dotted name."""
    schema = Config.model_json_schema()
    found: dict[str, ValueSchema] = {}
    for name, value in schema["properties"].items():
        if "$ref" in value:
            section = schema["$defs"][value["$ref"].rpartition("/")[2]]["properties"]
            found |= {f"{name}.{key}": inner for key, inner in section.items()}
        else:
            found[name] = value
    return found


def allowed_values(schema: ValueSchema) -> str:
    """What a key can be set to: `auto, or whole number, 1 to 1,024`."""
    if "anyOf" in schema:
        return ", or ".join(map(allowed_values, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema["type"] == "array":
        item = allowed_values(schema["items"])
        return "text, or a list of texts" if item == "text" else f"list of: {item}"
    kind = _WORDS[schema["type"]]
    limits = _range(schema)
    return f"{kind}, {limits}" if limits else kind


def choices(schema: ValueSchema) -> Iterator[str]:
    """The words that a key can be set to; none for numbers, texts and lists."""
    for one in schema.get("anyOf", ()):
        yield from choices(one)
    yield from map(str, schema.get("enum", ()))
    if "const" in schema:
        yield str(schema["const"])
    if schema.get("type") == "boolean":
        yield from ("true", "false")


def _range(schema: ValueSchema) -> str:
    """The limits of a number: `0 to 1`, `above 0, at most 100`; empty where there are none."""
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{low:,.10g} to {high:,.10g}"
    limits = {"at least": low, "above": above, "at most": high, "below": below}
    return ", ".join(
        f"{word} {'2^63' if limit == _SEED_LIMIT else format(limit, ',.10g')}"
        for word, limit in limits.items()
        if limit is not None
    )
