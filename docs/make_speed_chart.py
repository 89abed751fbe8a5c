"""The bars in the README: seconds to the loss of nanoGPT's recipe for a CPU.

    python docs/make_speed_chart.py

The figures are the medians in docs/explanation/benchmarks.md, by benchmarks/time_to_loss.py.
"""

from pathlib import Path

BARS = (
    ("nanoGPT, its CPU recipe", 78.3, "1.901"),
    ("attn --minutes 0.12", 6.6, "1.801"),
    ("attn --config shakespeare-5s", 4.3, "1.884"),
)
WIDTH, ROW, TOP, LABELS, ROOM = 760, 38, 46, 254, 330  # pixels
INK, QUIET, ACCENT, GREY, GROUND, RULE = (
    "#1c2128", "#57606a", "#b04a00", "#9aa3ad", "#fdfdfb", "#d8dce0"
)  # fmt: skip


def chart() -> str:
    """The SVG: a bar for each, as long as it took."""
    height = TOP + ROW * len(BARS) + 18
    longest = max(seconds for _, seconds, _ in BARS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Seconds to the loss of nanoGPT\'s CPU recipe">'
        "<style>text{font-family:system-ui,'DejaVu Sans',sans-serif;font-size:15px;"
        f"fill:{INK}}}.q{{fill:{QUIET};font-size:13px}}</style>"
        f'<rect width="{WIDTH - 1}" height="{height - 1}" x=".5" y=".5" rx="10" fill="{GROUND}" '
        f'stroke="{RULE}"/>'
        '<text class="q" x="28" y="30">Seconds to nanoGPT’s validation loss on tiny Shakespeare, '
        "two CPU cores, whole process</text>"
    ]
    for number, (name, seconds, loss) in enumerate(BARS):
        y = TOP + ROW * number
        length = ROOM * seconds / longest
        colour = GREY if number == 0 else ACCENT
        parts.append(
            f'<text x="28" y="{y + 20}">{name}</text>'
            f'<rect x="{LABELS}" y="{y + 3}" width="{length:.1f}" height="24" rx="3" '
            f'fill="{colour}"/>'
            f'<text x="{LABELS + length + 8:.1f}" y="{y + 20}">{seconds:g} s'
            f'<tspan class="q" dx="8">loss {loss}</tspan></text>'
        )
    return "".join(parts) + "</svg>\n"


if __name__ == "__main__":
    path = Path(__file__).parent / "images" / "speed.svg"
    path.write_text(chart(), encoding="utf-8", newline="\n")
