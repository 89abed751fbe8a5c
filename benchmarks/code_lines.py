"""Lines of source code by programming language: a labelled data set from what is installed.

    python benchmarks/code_lines.py code.tsv && attn train code.tsv --task classify

Texts of another kind than names, so that nothing is tuned to names alone. The files are those of
Python, torch, numpy and matplotlib, which attn needs anyway; so the lines depend on their versions.
Each line is one text, with its indentation. Lines without a letter, and those that are shorter or
longer than most, are left out.
"""

import argparse
import random
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

SHORTEST, LONGEST = 8, 80  # characters of a line
# Where the files of a language are, and how their names end.
LANGUAGES = {
    "c": ("python", "*.h"),
    "c++": ("torch", "include/ATen/*.h"),
    "cython": ("numpy", "**/*.p[xy][dx]"),
    "fortran": ("numpy", "**/*.f90"),
    "javascript": ("matplotlib", "**/*.js"),
    "python": ("torch", "nn/**/*.py"),
}


def language_lines(language: str) -> list[str]:
    """The different lines of a language, in the order of its files."""
    package, pattern = LANGUAGES[language]
    lines: dict[str, None] = {}
    for path in sorted(_folder(package).glob(pattern)):
        lines.update(dict.fromkeys(_kept(path)))
    return list(lines)


def _folder(package: str) -> Path:
    """The folder of a package, or of Python's own headers."""
    if package == "python":
        return Path(sysconfig.get_path("include"))
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _kept(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
        text = line.expandtabs(4).rstrip()
        if SHORTEST <= len(text) <= LONGEST and any(map(str.isalpha, text)):
            yield text


def write_table(path: Path, per_language: int = 1500, seed: int = 0) -> dict[str, int]:
    """Writes a table, text TAB language, and returns how many lines each language has.

    Args:
        path: The file.
        per_language: At most so many lines of each, drawn at random.
        seed: Determines which, and their order.
    """
    chance = random.Random(seed)
    rows, counts = [], {}
    for language in LANGUAGES:
        lines = language_lines(language)
        drawn = chance.sample(lines, min(per_language, len(lines)))
        rows += [f"{line}\t{language}\n" for line in drawn]
        counts[language] = len(drawn)
    chance.shuffle(rows)
    path.write_text("".join(rows), encoding="utf-8")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Write lines of code, labelled by language.")
    parser.add_argument("table", type=Path, help="the TSV file to write")
    parser.add_argument("--lines", type=int, default=1500, help="at most, of each language")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for language, count in write_table(options.table, options.lines, options.seed).items():
        print(f"{language:12}{count:6,}")


if __name__ == "__main__":
    main()
