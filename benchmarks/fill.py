"""How many hidden characters are filled right, where one, three or ten in a row are missing.

Blanks at fixed places of a text's validation split, each by itself, with all of the model's context
around it; of lines, one blank a line. Ours fills them as `attn fill` does. Beside it stand a 5-gram
model that reads both sides and the most frequent character.

    python benchmarks/fill.py TEXT --seeds 2
    python benchmarks/fill.py names.txt --lines --lengths 1 3 5
    python benchmarks/fill.py TEXT --run runs/mine
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attn_cli.generation.fill import fill
from attn_cli.runs.load_model import load_model
from attn_cli.runs.loaded_model import LoadedModel
from attn_cli.text.corpus import Corpus
from attn_cli.text.examples import Examples

ORDER = 5  # of the n-grams
BEAM = 200  # fillings that the n-gram model keeps


@dataclass(frozen=True)
class Blank:
    """Characters that are missing from a text."""

    before: str
    missing: str
    after: str


Filler = Callable[[Blank], str]


def blanks(corpus: Corpus, block_size: int, length: int, every: int) -> Iterator[Blank]:
    """Blanks of a length in the validation split: in the middle of a window every so many
    characters, or in each line that has at least two characters more."""
    decode = corpus.tokenizer.decode
    if not isinstance(corpus.validation, Examples):
        place = (block_size - length) // 2
        for begin in range(0, len(corpus.validation) - block_size, every):
            yield _blank(decode(corpus.validation[begin : begin + block_size]), place, length)
        return
    for number, line in enumerate(decode(corpus.validation_ids).split()):
        places = len(line) - length + 1
        if places > 2:
            yield _blank(line, number * 7 % places, length)


def _blank(text: str, begin: int, length: int) -> Blank:
    end = begin + length
    return Blank(text[:begin], text[begin:end], text[end:])


class NgramModel:
    """Fills a blank from the `ORDER` - 1 characters on each side, by counted n-grams.

    An interpolated Kneser-Ney model of the next character gives each filling a probability:
    that of its characters and of those after the blank. Each position gets the character that
    is most probable over all fillings. Exact for one character; for more, a beam search.

    Args:
        text: What is counted.
        edge: What stands before and after each text with a blank.
    """

    def __init__(self, text: str, edge: str = "") -> None:
        self.symbols = "".join(sorted(set(text)))
        self.edge = edge
        self._counts: dict[str, Counter[str]] = {}  # of the characters after a context
        self._discounts: dict[int, float] = {}  # by the length of a context
        grams = Counter(text[i : i + ORDER] for i in range(len(text) - ORDER + 1))
        for length in range(ORDER - 1, -1, -1):
            once, twice = (list(grams.values()).count(n) for n in (1, 2))
            self._discounts[length] = once / (once + 2 * twice) if once else 0.5
            for gram, count in grams.items():
                self._counts.setdefault(gram[:-1], Counter())[gram[-1]] = count
            # A shorter n-gram counts once for each distinct character before it.
            grams = Counter(gram[1:] for gram in grams)
        self._log_probs = cache(lambda context: np.log(self._probs(context)))

    def __call__(self, blank: Blank) -> str:
        fillings = {"": 0.0}  # with the log-probability of each
        context = (self.edge + blank.before)[1 - ORDER :]
        for _ in blank.missing:
            scores = np.stack(
                [
                    score + self._log_probs((context + filling)[1 - ORDER :])
                    for filling, score in fillings.items()
                ]
            )  # (fillings, V)
            rows, columns = np.unravel_index(np.argsort(scores, axis=None)[-BEAM:], scores.shape)
            before = list(fillings)
            fillings = {
                before[row] + self.symbols[column]: float(scores[row, column])
                for row, column in zip(rows, columns, strict=True)
            }
        after = (blank.after + self.edge)[: ORDER - 1]
        scores = np.array(
            [score + self._log_prob(context + each, after) for each, score in fillings.items()]
        )
        probs = np.exp(scores - scores.max())
        columns_of_text = zip(*fillings, strict=True)
        return "".join(_most_probable(chars, probs) for chars in columns_of_text)

    def _log_prob(self, context: str, text: str) -> float:
        """The log-probability of a text after a context; unknown characters count for nothing."""
        total = 0.0
        for char in text:
            if char in self.symbols:
                total += self._log_probs(context[1 - ORDER :])[self.symbols.index(char)]
            context += char
        return total

    def _probs(self, context: str) -> NDArray[np.float64]:
        """The probability of each symbol after a context, (V,)."""
        V = len(self.symbols)
        shorter = self._probs(context[1:]) if context else np.full(V, 1 / V)
        counts = self._counts.get(context)
        if counts is None:
            return shorter
        discount = self._discounts[len(context)]
        seen = np.array([counts[symbol] for symbol in self.symbols])
        return (np.maximum(seen - discount, 0) + discount * len(counts) * shorter) / seen.sum()


def _most_probable(chars: Sequence[str], probs: NDArray[np.float64]) -> str:
    totals: Counter[str] = Counter()
    for char, prob in zip(chars, probs, strict=True):
        totals[char] += prob
    return totals.most_common(1)[0][0]


def encoder(loaded: LoadedModel) -> Filler:
    """Fills a blank as `attn fill` does."""
    tokenizer, beginning = loaded.tokenizer, loaded.line_beginning

    def filler(blank: Blank) -> str:
        before, after = (tokenizer.encode(text).tolist() for text in (blank.before, blank.after))
        hidden = [tokenizer.mask_id] * len(blank.missing)
        ids = fill(loaded.model, [*beginning, *before, *hidden, *after], tokenizer).ids
        first = len(beginning) + len(before)
        return tokenizer.decode(ids[first : first + len(hidden)])

    return filler


def share_right(filler: Filler, missing: Sequence[Blank]) -> float:
    """The share of missing characters that are filled right."""
    right = [a == b for blank in missing for a, b in zip(filler(blank), blank.missing, strict=True)]
    return float(np.mean(right))


def train(arguments: argparse.Namespace, seed: int, out: Path) -> Path:
    """A run of ours on the text."""
    command = [sys.executable, "-m", "attn_cli", "train", str(arguments.text), "--task", "mlm"]
    command += ["--minutes", str(arguments.minutes), "--seed", str(seed), "--out", str(out)]
    command += ["--lines"] * arguments.lines + [f"--set={each}" for each in arguments.set]
    subprocess.run([*command, "--quiet"], stdout=subprocess.DEVNULL, check=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", help="a file, or the name of a built-in text")
    parser.add_argument("--lines", action="store_true", help="each line is an example of its own")
    parser.add_argument("--run", type=Path, help="measure this run of the text; train none")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 3, 10], help="of a blank")
    parser.add_argument("--every", type=int, default=200, help="characters from blank to blank")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.run:
            runs = [arguments.run]
        else:
            seeds = range(1337, 1337 + arguments.seeds)
            runs = [train(arguments, seed, Path(scratch, f"seed-{seed}")) for seed in seeds]
        models = [load_model(run) for run in runs]
        corpus = models[0].corpus()
        text, edge = corpus.tokenizer.decode(corpus.train_ids), ""
        most_frequent, _ = Counter(text).most_common(1)[0]
        if isinstance(corpus.train, Examples):
            most_frequent, _ = Counter(text.replace("\n", "")).most_common(1)[0]
            edge = "\n" * (ORDER - 1)
            text = text.replace("\n", edge)
        fillers = {f"run {i}": encoder(model) for i, model in enumerate(models, start=1)}
        fillers["5-gram"] = NgramModel(text, edge)
        fillers["most frequent"] = lambda blank: most_frequent * len(blank.missing)
        print("missing  blanks  of the split " + "".join(f"{name:>15}" for name in fillers))
        for length in arguments.lengths:
            block_size = models[0].config.model.block_size
            missing = list(blanks(corpus, block_size, length, arguments.every))
            covered = length * len(missing) / len(corpus.validation_ids)
            shares = [share_right(filler, missing) for filler in fillers.values()]
            row = "".join(f"{share:15.1%}" for share in shares)
            print(f"{length:7}  {len(missing):6,}  {covered:12.1%} {row}", flush=True)


if __name__ == "__main__":
    main()
