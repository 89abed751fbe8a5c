"""Few labels: a classifier on a model's vectors, and the same classifier on n-grams.

The data are those of benchmarks/surnames.py. An encoder, a decoder or both learn from the training
names without their languages. Then, with 100, 500 and 2,000 labelled names drawn from the training
names, the same logistic regression learns from their vectors, and from TF-IDF of character n-grams;
all are measured on all test names. What can be chosen (layer and pooling, lengths of n-grams, the
strength of regularisation) is chosen for each on the validation names. It needs scikit-learn.

    python benchmarks/few_labels.py FOLDER --minutes 1 --draws 5
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import seeds
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler
from surnames import ATTN, Pair, read_pairs, run, split

import attn_cli as attn

LABELLED = (100, 500, 2000)
POOLS = (("mean",), ("mean", "last"), ("mean", "max", "last"))
NGRAMS = ((1, 2), (1, 3), (1, 5))
STRENGTHS = {"vectors": (0.01, 0.03, 0.1), "n-grams": (10, 30, 100)}  # C of LogisticRegression


@dataclass(frozen=True)
class Parts:
    """The names and labels of the three parts of a split."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]


@dataclass(frozen=True)
class Features:
    """One way to turn names into rows of numbers.

    Attributes:
        name: What to call it.
        kind: "vectors" or "n-grams".
        rows: The features of the labelled names with these indices, of the validation names, and
            of the test names.
    """

    name: str
    kind: str
    rows: Callable[[np.ndarray], tuple[Any, Any, Any]]


@dataclass(frozen=True)
class Score:
    """Accuracy and macro-F1 of one draw."""

    accuracy: float
    macro_f1: float


def vectors(run_folder: Path, parts: Parts) -> Iterator[Features]:
    """The vectors of a model: of its last layers, pooled in several ways, standardised."""
    model = attn.load(run_folder)
    names = [name for part in (parts.train, parts.validation, parts.test) for name, _ in part]
    known = set(model.tokenizer.symbols)
    names = ["".join(filter(known.__contains__, name)) for name in names]
    ends = np.cumsum([len(parts.train), len(parts.validation)])
    n_layer = model.config.model.n_layer
    for layer in (n_layer - 1, None):
        pooled = {pool: model.embed(names, layer=layer, pool=pool) for pool in POOLS[-1]}
        for pools in POOLS:
            joined = np.hstack([pooled[pool] for pool in pools])
            scaler = StandardScaler().fit(joined[: ends[0]])  # of names whose labels are not used
            train, validation, test = np.split(scaler.transform(joined), ends)
            name = f"layer {layer or 'last'}, {'+'.join(pools)}"
            yield Features(
                name, "vectors", lambda drawn, t=train, v=validation, e=test: (t[drawn], v, e)
            )


def ngrams(parts: Parts) -> Iterator[Features]:
    """TF-IDF of character n-grams, whose vocabulary is that of the labelled names."""
    train, validation, test = (
        [f"^{name}$" for name, _ in part] for part in (parts.train, parts.validation, parts.test)
    )
    for lengths in NGRAMS:

        def rows(drawn: np.ndarray, lengths: tuple[int, int] = lengths) -> tuple[Any, Any, Any]:
            counter = TfidfVectorizer(
                analyzer="char", ngram_range=lengths, sublinear_tf=True, lowercase=False
            )
            labelled = counter.fit_transform([train[index] for index in drawn])
            return labelled, counter.transform(validation), counter.transform(test)

        yield Features(f"{lengths[0]} to {lengths[1]}", "n-grams", rows)


def measure(
    features: Sequence[Features], parts: Parts, number: int, draws: int
) -> tuple[str, list[Score]]:
    """What was best on the validation names, and its scores on the test names, one a draw."""
    labels = [np.array([label for _, label in part]) for part in (parts.train, parts.validation)]
    truth = np.array([label for _, label in parts.test])
    best: tuple[float, str, list[Score]] = (0.0, "", [])
    for each in features:
        rows = []
        for draw in range(draws):
            drawn = np.random.default_rng(draw).choice(len(parts.train), number, replace=False)
            rows.append((drawn, each.rows(drawn)))
        for strength in STRENGTHS[each.kind]:
            right, scores = [], []
            for drawn, (train, validation, test) in rows:
                model = LogisticRegression(C=strength, max_iter=1000)
                model.fit(train, labels[0][drawn])
                right.append(float((model.predict(validation) == labels[1]).mean()))
                found = model.predict(test)
                macro_f1 = float(f1_score(truth, found, average="macro"))
                scores.append(Score(float((found == truth).mean()), macro_f1))
            if (mean := statistics.mean(right)) > best[0]:
                best = mean, f"{each.name}, C={strength:g}", scores
    return best[1], best[2]


def pretrain(folder: Path, task: str, minutes: float, seed: int, options: list[str]) -> Path:
    """A model of the training names, without their labels."""
    train = ["train", "names.txt", "--lines", "--task", task, "--minutes", str(minutes)]
    run(folder, *ATTN, *train, "--seed", str(seed), "--out", task, "--quiet", *options)
    return folder / task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of files LANGUAGE.txt, a name a line")
    parser.add_argument("--minutes", type=float, default=1.0, help="of training without labels")
    parser.add_argument("--draws", type=int, default=5, help="of the labelled names")
    parser.add_argument("--tasks", nargs="*", default=["mlm"], help="mlm, lm or both")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the training")
    parser.add_argument("--config", help="of the training, instead of a size that fits the machine")
    arguments = parser.parse_args()
    options = ["--config", str(Path(arguments.config).resolve())] if arguments.config else []
    parts = Parts(*split(read_pairs(arguments.folder), arguments.seed))
    sides = {"TF-IDF of n-grams": list(ngrams(parts))}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        names = sorted({name for name, _ in parts.train})
        (folder / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        for task in arguments.tasks:
            model = pretrain(folder, task, arguments.minutes, arguments.seed, options)
            sides[f"vectors of attn, {task}"] = list(vectors(model, parts))
    for number in LABELLED:
        print(f"\n{number:,} labelled names: mean ± sd, 95 % interval, range")
        accuracies = {}
        for side, features in sides.items():
            chosen, scores = measure(features, parts, number, arguments.draws)
            accuracies[side] = [score.accuracy for score in scores]
            print(f"{side} ({chosen})")
            print(f"  accuracy  {seeds.spread(accuracies[side], '.3f')}")
            print(f"  macro-F1  {seeds.spread([score.macro_f1 for score in scores], '.3f')}")
        print("accuracy, of the same draws:")
        print(*seeds.differences(accuracies, ".3f", paired=True), sep="\n", flush=True)


if __name__ == "__main__":
    main()
