"""A lesson's arithmetic, done again with the numbers as they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from attn_cli.inspection.lesson.blocks import Formula, LessonStep, Part, SideBySide, Table


def parts(steps: Sequence[LessonStep]) -> Iterator[Part]:
    for step in steps:
        yield from step.parts


def tables(steps: Sequence[LessonStep]) -> Iterator[Table]:
    for part in parts(steps):
        if isinstance(part, SideBySide):
            yield from (part.left, part.right)
        elif isinstance(part, Table):
            yield part


def unit(number: str) -> float:
    """One step of a written number's last digit."""
    return 10.0 ** -len(number.partition(".")[2])


def value(expression: str) -> float:
    """What a calculator makes of written arithmetic."""
    replaced = [("×", "*"), ("^", "**"), ("√", "math.sqrt"), ("exp", "math.exp"),
                ("cos", "math.cos"), ("sin", "math.sin"), ("tanh", "math.tanh"),
                ("mod", "%")]  # fmt: skip
    expression = re.sub(r"√(\d+)", r"√(\1)", expression)
    for sign, function in replaced:
        expression = re.sub(rf"(?<![a-z.]){re.escape(sign)}", function, expression)
    # In Python -a ** b is -(a ** b), too: negative numbers come in brackets.
    assert not set(re.sub(r"math\.[a-z]+", "", expression)) - set("0123456789.+-*/%() ")
    return float(eval(expression, {"math": math}))


def check_formula(line: str) -> None:
    if "=" not in line:
        return
    *_, left, right = line.split(" = ")
    left = re.sub(r"^(channel \d+:|with the bias,) +", "", left)
    if re.fullmatch(r"-?[\d.]+", right) and re.search(r"\d", left):
        assert abs(value(left) - float(right)) <= 1.5 * unit(right), line


def columns(table: Table) -> dict[str, list[str]]:
    turned = zip(*(cells for _, cells in table.rows), strict=True)
    return dict(zip(table.columns, map(list, turned), strict=True))


def numbers(cells: Sequence[str]) -> list[float]:
    return [float(cell) for cell in cells if cell != "…"]


def check_pairs(left: Sequence[str], right: Sequence[str], result: Sequence[str], how: str) -> int:
    """Redoes a column of a table from two others; how many rows there were."""
    rows = 0
    for a, b, c in zip(left, right, result, strict=True):
        if "…" in (a, b, c):
            continue
        one, two = float(a), float(b)
        expected = {"×": lambda x, y: x * y, "/": lambda x, y: x / y, "-": lambda x, y: x - y}
        assert abs(expected[how](one, two) - float(c)) <= 1.5 * unit(c), (a, how, b, c)
        rows += 1
    return rows


def check_norm(column: dict[str, list[str]], following: Formula) -> None:
    """The columns of a norm, and the sums that its lines begin with."""
    lines = {line.split(" = ")[0]: line.split(" = ")[1:] for line in following.lines}
    sized = "sd" if "sd" in lines else "rms"
    size = lines[sized][-1]
    centred = column.get("x - mean", column["x"])
    if "mean" in lines:
        mean = lines["mean"][-1]
        check_pairs(column["x"], [mean] * len(centred), centred, "-")
        check_sum(column["x"], lines["mean"][0].split(" / ")[0])
    check_pairs(centred, centred, column["squared"], "×")
    squared = lines.get("variance") or lines["mean square"]
    check_sum(column["squared"], squared[0].split(" / ")[0])
    over = column[f"over {sized}"]
    check_pairs(centred, [size] * len(centred), over, "/")
    biases = column.get("bias", ["0"] * len(over))
    for u, g, b, result in zip(over, column["gain"], biases, column["result"], strict=True):
        if result != "…":
            assert abs(float(u) * float(g) + float(b) - float(result)) <= 1.5 * unit(result)


def check_sum(cells: Sequence[str], total: str) -> None:
    """A column adds up, each cell being rounded."""
    off = abs(sum(numbers(cells)) - float(total))
    assert off <= 0.51 * (len(cells) + 1) * unit(total), (cells, total)


def check_arithmetic(steps: Sequence[LessonStep], *, norm: bool = True) -> None:
    """Redoes everything that is worked out by hand, from the numbers as they are written.

    Args:
        steps: Of a lesson.
        norm: Whether it has a norm.
    """
    worked_out, kinds = 0, set()
    flat = list(parts(steps))
    for part, following in zip(flat, [*flat[1:], ""], strict=True):
        if isinstance(part, Formula):
            for line in part.lines:
                check_formula(line)
        if not isinstance(part, Table):
            continue
        column = columns(part)
        if part.columns[-1] == "product":
            kinds.add("dot product")
            first, second, product = column.values()
            worked_out += check_pairs(first, second, product, "×")
            assert isinstance(following, Formula)
            total = following.lines[0].removeprefix("the products add up to ")
            assert abs(sum(numbers(product)) - float(total)) <= 1.5 * unit(total), part.caption
        elif "exp of that" in column:
            kinds.add("softmax")
            worked_out += 1
            (heading, scores), (_, less), (_, raised), (_, shares) = column.items()
            greatest = max(numbers(scores))
            for score, lower, power, share in zip(scores, less, raised, shares, strict=True):
                if score not in ("…", "-∞"):
                    assert abs(float(score) - greatest - float(lower)) <= 1.5 * unit(lower)
                    assert abs(math.exp(float(lower)) - float(power)) <= 1.5 * unit(power)
                whole = sum(numbers(raised))
                assert abs(float(power) / whole - float(share)) <= 1.5 * unit(share), heading
            assert isinstance(following, Formula)
            check_sum(raised, following.lines[0].removeprefix("the exponentials add up to "))
        elif "-ln(probability)" in column:
            kinds.add("loss")
            for p, loss in zip(column["probability"], column["-ln(probability)"], strict=True):
                assert abs(-math.log(float(p)) - float(loss)) <= 1.5 * unit(loss)
        elif "result" in column:
            kinds.add("norm")
            worked_out += 1
            assert isinstance(following, Formula)
            check_norm(column, following)
    assert worked_out >= 5
    has_loss = steps[-1].title == "Where the weights come from"
    expected = {"dot product": True, "softmax": True, "norm": norm, "loss": has_loss}
    assert kinds == {kind for kind, there in expected.items() if there}
