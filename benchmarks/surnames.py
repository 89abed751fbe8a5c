"""Surnames by language: ours and scikit-learn in turn, on the same split.

The data are those of PyTorch's tutorial on names: a folder of files LANGUAGE.txt, a name a line.
For each seed the pairs of name and language are split anew, 80, 10 and 10 %, stratified by
language, equal names on the same side. scikit-learn, a logistic regression or a linear support
vector machine on TF-IDF of character n-grams, and ours learn from the first part, each as a
process of its own; ours chooses its best checkpoint on the second; the third measures both.

    python benchmarks/surnames.py FOLDER --seeds 5 --minutes 1.9
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import seeds

Pair = tuple[str, str]  # a name, and its language

ATTN = (sys.executable, "-m", "attn_cli")
PARTS = {"train.tsv": 0.8, "validation.tsv": 0.1, "test.tsv": 0.1}

# Learns from the first file, and says how well it does on the second.
SCIKIT_LEARN = """
import json, sys
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
def read(path):
    rows = [line.split("\\t") for line in open(path, encoding="utf-8").read().splitlines()]
    return ["^" + name + "$" for name, _ in rows], [label for _, label in rows]
features = TfidfVectorizer(analyzer="char", ngram_range=(1, 5), sublinear_tf=True, lowercase=False)
model = {"lr": LogisticRegression(C=30, max_iter=2000), "svm": LinearSVC()}[sys.argv[1]]
texts, labels = read("test.tsv")
found = make_pipeline(features, model).fit(*read("train.tsv")).predict(texts)
print(json.dumps({"accuracy": accuracy_score(labels, found),
                  "macro_f1": f1_score(labels, found, average="macro")}))
"""


@dataclass(frozen=True)
class Result:
    """What one side came to on the test names of a split."""

    accuracy: float
    macro_f1: float
    seconds: float  # of the whole training process


def read_pairs(folder: Path) -> list[Pair]:
    """Every name with its language, each pair once, in order."""
    return sorted(
        {
            (name.strip(), path.stem)
            for path in folder.glob("*.txt")
            for name in path.read_text(encoding="utf-8").splitlines()
            if name.strip()
        }
    )


def split(pairs: list[Pair], seed: int) -> Iterator[list[Pair]]:
    """The pairs of each of `PARTS`, stratified by language; equal names are in the same part."""
    languages: dict[str, list[str]] = collections.defaultdict(list)
    for name, language in pairs:
        languages[name].append(language)
    strata: dict[tuple[str, ...], list[str]] = collections.defaultdict(list)
    for name, its_languages in languages.items():
        strata[tuple(its_languages)].append(name)
    source = random.Random(seed)
    parts: list[list[Pair]] = [[] for _ in PARTS]
    missing = [0.0 for _ in PARTS]  # pairs that each part is short of
    for its_languages, names in sorted(strata.items()):
        for name in source.sample(names, len(names)):
            for part, share in enumerate(PARTS.values()):
                missing[part] += share * len(its_languages)
            fullest = missing.index(max(missing))
            missing[fullest] -= len(its_languages)
            parts[fullest] += [(name, language) for language in its_languages]
    for part in parts:
        source.shuffle(part)
        yield part


def run(folder: Path, *command: str) -> str:
    """What a command prints; its errors end this program."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}\n{done.stderr}")
    return done.stdout


def scikit_learn(folder: Path, model: str) -> Result:
    """scikit-learn's, by its process."""
    begin = time.monotonic()
    measured = json.loads(run(folder, sys.executable, "-c", SCIKIT_LEARN, model))
    return Result(measured["accuracy"], measured["macro_f1"], time.monotonic() - begin)


def attn(folder: Path, seed: int, minutes: float, options: list[str]) -> Result:
    """Ours, by its command line."""
    train = ["train", "train.tsv", "--task", "classify", "--minutes", str(minutes)]
    train += ["--set", "data.validation=validation.tsv", "--seed", str(seed), "--out", "run"]
    begin = time.monotonic()
    run(folder, *ATTN, *train, "--quiet", *options)
    seconds = time.monotonic() - begin
    measured = json.loads(run(folder, *ATTN, "evaluate", "test.tsv", "--run", "run", "--json"))
    return Result(measured["accuracy"], measured["macro_f1"], seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of files LANGUAGE.txt, a name a line")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1.9, help="of ours; 0: leave it out")
    parser.add_argument("--set", action="append", default=[], help="for ours, KEY=VALUE")
    arguments = parser.parse_args()
    options = [word for setting in arguments.set for word in ("--set", setting)]
    pairs = read_pairs(arguments.folder)
    results: dict[str, list[Result]] = collections.defaultdict(list)
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for name, part in zip(PARTS, split(pairs, seed), strict=True):
                lines = "".join(f"{text}\t{label}\n" for text, label in part)
                (folder / name).write_text(lines, encoding="utf-8")
            results["scikit-learn, logistic regression"].append(scikit_learn(folder, "lr"))
            results["scikit-learn, linear SVM"].append(scikit_learn(folder, "svm"))
            if arguments.minutes:
                results["attn"].append(attn(folder, seed, arguments.minutes, options))
        for name, found in results.items():
            last = found[-1]
            print(f"{seed}  {name:34}  {last.accuracy:.4f}  {last.macro_f1:.3f}", flush=True)

    accuracies = {name: [each.accuracy for each in found] for name, found in results.items()}
    print(f"\n{'':34}  median s  macro-F1  accuracy: mean ± sd, 95 % interval, range")
    for name, found in results.items():
        print(
            f"{name:34}  {statistics.median(result.seconds for result in found):8.1f}"
            f"  {statistics.mean(result.macro_f1 for result in found):8.3f}"
            f"  {seeds.spread(accuracies[name], '.1%')}"
        )
    print("", *seeds.differences(accuracies, ".1%", paired=True), sep="\n")


if __name__ == "__main__":
    main()
