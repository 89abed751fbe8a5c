"""The animated picture at the head of the README, from a real run of the default model.

    attn train --out runs/born --set train.checkpoint_every=20 --set train.keep_checkpoints=20
    python docs/make_demo.py runs/born

Writes docs/images/learning.svg: what the model writes at several checkpoints, and where one head
looks when a name has to follow. It is animated by CSS alone, and stands still at its last frame
for readers who prefer reduced motion.
"""

import argparse
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

import attn_cli as attn

STEPS = (20, 60, 120, 200, 220, 260, 400)
SECONDS, LAST_SECONDS = 2.2, 5.0  # that a frame stands, and the last one
PROMPT, SEED, CHARS = "The owl", 7, 215
TALE = (
    "The owl and the dragon. One misty evening, Rosie the owl heard a creak under the oak. "
    '"It is a dragon!" cried '
)
NAME = "Rosie"  # the one that has to follow, and that the head finds in the tale
# Pixels: of the picture, of a character, and between lines.
WIDTH, HEIGHT, MARGIN = 760, 308, 28
ADVANCE, LINE, SIZE = 9.0, 24, 15
COLUMNS = int((WIDTH - 2 * MARGIN) / ADVANCE)
INK, QUIET, ACCENT, GROUND, RULE = "#1c2128", "#57606a", "#b04a00", "#fdfdfb", "#d8dce0"
LIGHT, DARK = np.array([253, 253, 251]), np.array([47, 98, 168])


@dataclass(frozen=True)
class Frame:
    """What a checkpoint knows."""

    step: int
    bits: float  # of the validation split, per character
    sample: str
    attention: np.ndarray  # (T,): of the head, from the tale's last character
    next_char: str  # the most probable one after the tale
    probability: float


def frames(run: Path) -> tuple[list[Frame], str]:
    """What each checkpoint knows, and the name of the head that finds the name at the end."""
    last = attn.load(checkpoint(run, STEPS[-1])).trace(TALE)
    begin = len(last.characters) - len(TALE) + TALE.index(NAME)
    on_name = last.attention[:, :, -1, begin : begin + len(NAME)].sum(axis=-1)  # (L, H)
    layer, head = np.unravel_index(on_name.argmax(), on_name.shape)
    made = []
    for step in STEPS:
        model = attn.load(checkpoint(run, step))
        trace = model.trace(TALE)
        odds = np.exp(trace.logits[-1] - trace.logits[-1].max())
        odds /= odds.sum()
        best = int(odds.argmax())
        made.append(
            Frame(
                step,
                model.loss().bits_per_char,
                str(model.generate(PROMPT, temperature=0.5, seed=SEED, max_new_chars=CHARS)),
                trace.attention[layer, head, -1, -len(TALE) :],
                model.tokenizer.symbols[best],
                float(odds[best]),
            )
        )
    return made, f"{layer + 1}.{head + 1}"


def checkpoint(run: Path, step: int) -> str:
    return str(run / "checkpoints" / f"step-{step:08d}")


def picture(made: list[Frame], head: str) -> str:
    """The whole SVG."""
    times = [SECONDS] * (len(made) - 1) + [LAST_SECONDS]
    total, begin, rules, groups = sum(times), 0.0, [], []
    for number, (frame, seconds) in enumerate(zip(made, times, strict=True)):
        first, end = 100 * begin / total, 100 * (begin + seconds) / total
        shown = f"0%{{opacity:0}}{first:.2f}%{{opacity:1}}{end:.2f}%{{opacity:0}}100%{{opacity:0}}"
        if number == 0:
            shown = f"0%{{opacity:1}}{end:.2f}%{{opacity:0}}100%{{opacity:0}}"
        rules.append(f"@keyframes f{number}{{{shown}}}")
        rules.append(f"#f{number}{{animation:f{number} {total:g}s step-end infinite}}")
        groups.append(f'<g id="f{number}" class="frame">{drawing(frame, head)}</g>')
        begin += seconds
    # Without motion the last frame stays, alone.
    still = "@media(prefers-reduced-motion:reduce){.frame{animation:none!important}}"
    base = f".frame{{opacity:0}}#f{len(made) - 1}{{opacity:1}}"
    font = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="A model learns to write tales, and a head learns to find a name">'
        f"<style>text{{{font};font-size:{SIZE}px;white-space:pre;fill:{INK}}}"
        f".q{{fill:{QUIET};font-size:13px}}.a{{fill:{ACCENT};font-weight:700}}"
        f"{base}{''.join(rules)}{still}</style>"
        f'<rect width="{WIDTH - 1}" height="{HEIGHT - 1}" x=".5" y=".5" rx="10" fill="{GROUND}" '
        f'stroke="{RULE}"/>{"".join(groups)}</svg>\n'
    )


def drawing(frame: Frame, head: str) -> str:
    """A frame: how far the training is, what the model writes, where the head looks."""
    done = (WIDTH - 2 * MARGIN) * frame.step / STEPS[-1]
    parts = [
        f'<rect x="{MARGIN}" y="46" width="{WIDTH - 2 * MARGIN}" height="5" rx="2" fill="{RULE}"/>',
        f'<rect x="{MARGIN}" y="46" width="{done:.0f}" height="5" rx="2" fill="{ACCENT}"/>',
        text(f"step {frame.step} of {STEPS[-1]}", MARGIN, 34),
        text(f"{frame.bits:.2f} bits per character", WIDTH - MARGIN, 34, end=True),
        text(f"what it writes after “{PROMPT}”", MARGIN, 82, "q"),
    ]
    written = " ".join(frame.sample.split("\n")[0].split(" "))
    for number, line in enumerate(wrapped(written)[:3]):
        parts.append(text(line, MARGIN, 108 + LINE * number))
    parts.append(text(f"where head {head} looks for what comes next", MARGIN, 204, "q"))
    y, start = 230, 0
    lines = wrapped(TALE)
    for number, line in enumerate(lines):
        for at, weight in enumerate(frame.attention[start : start + len(line)]):
            if weight >= 0.02:
                parts.append(cell(MARGIN + ADVANCE * at, y + LINE * number, float(weight)))
        shown = line if number < len(lines) - 1 else TALE[start:]
        parts.append(text(shown, MARGIN, y + LINE * number))
        start += len(line) + 1  # and the blank at which the line was broken
    x = MARGIN + ADVANCE * len(shown)
    parts.append(text(f"{frame.next_char}", x, y + LINE * number, "a"))
    chance = f"{frame.next_char} with {100 * frame.probability:.0f} %"
    parts.append(text(f"next: {chance}", WIDTH - MARGIN, HEIGHT - 22, "a", end=True))
    return "".join(parts)


def wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, COLUMNS, break_long_words=True)


def cell(x: float, y: float, weight: float) -> str:
    """The ground of a character, the darker the more the head looks at it."""
    red, green, blue = (LIGHT + (DARK - LIGHT) * 0.9 * weight**0.5).astype(int)
    return (
        f'<rect x="{x:.1f}" y="{y - 16}" width="{ADVANCE}" height="21" '
        f'fill="#{red:02x}{green:02x}{blue:02x}"/>'
    )


def text(content: str, x: float, y: float, kind: str = "", *, end: bool = False) -> str:
    """A line; `textLength` holds each character in its place, whatever the font."""
    length = f' textLength="{ADVANCE * len(content):.0f}"' if not kind and not end else ""
    anchor = ' text-anchor="end"' if end else ""
    of = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}"{of}{anchor}{length}>{escape(content)}</text>'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    made, head = frames(parser.parse_args().run)
    out = Path(__file__).parent / "images" / "learning.svg"
    out.write_text(picture(made, head), encoding="utf-8", newline="\n")
    print(f"{out}, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
