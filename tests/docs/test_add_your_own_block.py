"""A kind of block and a position encoding that nothing else knows, and every command on them.

Both are added to a copy of the package: the block by the edits of the page
docs/how-to/add-your-own-block.md, whose commands are run as written. What computes or describes
them in another way has to refuse them by name; anything else has to work.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "how-to" / "add-your-own-block.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEACH_NUMPY = "## Teach the NumPy decoder"

POSITION = """
```diff attn_cli/config/schema.py
-    position: Literal["learned", "sinusoidal", "rope", "none"] = "learned"
+    position: Literal["learned", "sinusoidal", "rope", "none", "ramp"] = "learned"
```
```diff attn_cli/model/position.py
+class RampPosition(nn.Module):
+    def __init__(self, block_size: int, n_embd: int) -> None:
+        super().__init__()
+        self.n_embd = n_embd
+        self.register_buffer("ramp", torch.arange(block_size) / block_size, persistent=False)
+
+    def forward(self, start: int, length: int) -> torch.Tensor:
+        return self.ramp[start : start + length, None].expand(-1, self.n_embd)
+
+
 class _Rotate(torch.autograd.Function):
```
```diff attn_cli/model/stack.py
+from attn_cli.model.position import RampPosition
 from attn_cli.model.trace import NO_TRACE, NullTrace
```
```diff attn_cli/model/stack.py
             case "none":
                 pass
+            case "ramp":
+                self.position_embedding = RampPosition(config.block_size, config.n_embd)
```
"""

# Calls `attn` once for each list of arguments, in one process: torch is imported once. Then
# what the torch model itself writes after a prompt, greedily and without a cache; and Python.
DRIVER = """
import contextlib, io, json, sys
from pathlib import Path
from attn_cli.cli.main import main

outcomes = []
for arguments in json.load(sys.stdin):
    sys.argv = ["attn", *arguments]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as left:
            code = left.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    outcomes.append([code, *texts])

if not Path("runs/own/config.yaml").exists():
    print(json.dumps([outcomes, ""]))
    sys.exit()
import torch
from attn_cli.runs.load_model import load_model
loaded = load_model(Path("runs/own"))
ids = list(loaded.encode_prompt("The owl"))
with torch.no_grad():
    for _ in range(9):
        ids.append(int(loaded.make_model()(torch.tensor([ids]))[0, -1].argmax()))
written = "".join(loaded.symbols(ids[7:]))

import attn_cli
model = attn_cli.load("runs/own")
assert str(model.generate("The owl", temperature=0.0, max_new_chars=9)).endswith(written)
assert model.trace("The owl").attention.shape == (1, 2, 7, 7)
assert model.loss("The owl met").chars == 10
print(json.dumps([outcomes, written]))
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Clone:
    """A copy of the repository, with edits.

    Attributes:
        source: Where it is.
        folder: Where its commands are run.
    """

    source: Path
    folder: Path

    def edit(self, page: str) -> None:
        """Makes the edits of a page: a block of lines, of which `-` go and `+` come."""
        for language, name, block in FENCE.findall(page):
            if language != "diff":
                continue
            lines = [(line[:1], line[1:]) for line in block.splitlines()]
            old, new = (
                "".join(f"{text}\n" for mark, text in lines if mark != other) for other in "+-"
            )
            path = self.source / name
            before = path.read_text(encoding="utf-8")
            assert before.count(old) == 1, f"{name} has {before.count(old)} times:\n{old}"
            path.write_text(before.replace(old, new), encoding="utf-8")

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs Python with the copy, and not with the package under test."""
        environment = os.environ | {
            "PYTHONPATH": str(self.source),
            "ATTN_CACHE": str(self.folder / "cache"),
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment.pop("ATTN_RUNS", None)
        return subprocess.run(
            [sys.executable, *arguments], input=stdin, cwd=self.folder, env=environment,
            capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip

    def attn(self, commands: Sequence[Sequence[str]]) -> tuple[list[Outcome], str]:
        """What each command gave, and what the torch model of runs/own writes."""
        done = self.run("-c", DRIVER, stdin=json.dumps(commands))
        assert done.returncode == 0, done.stderr
        outcomes, text = json.loads(done.stdout.splitlines()[-1])
        return [Outcome(*outcome) for outcome in outcomes], text


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    source = tmp_path / "clone"
    for name in ("attn_cli", "configs", "data", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", source)
    (tmp_path / "work").mkdir()
    return Clone(source, tmp_path / "work")


TRAIN = "attn train --config lesson --set {} --steps 3 --set train.threads=1 --out runs/own"

# Every command that touches a model, and in which words it refuses what it does not know.
WORKS, REFUSES = "works", "does not support"
COMMANDS = {
    'generate "The owl" --json --temperature 0 --max-new-chars 9': WORKS,
    'generate "The owl" --json --num-beams 2 --max-new-chars 9': WORKS,
    'generate "The" --regex "[a-z]{5}" --num-samples 3': WORKS,
    "evaluate --json": WORKS,
    "evaluate --per-char": WORKS,
    "inspect-shapes": WORKS,
    "inspect-shapes --json --dtype bf16": WORKS,
    'inspect-attention "The owl"': WORKS,
    "inspect-heads --chars 500": WORKS,
    'inspect-logits "The owl"': WORKS,
    "inspect-training": WORKS,
    "explain --all": REFUSES,
    "explain --json": REFUSES,
    "explain --html lesson.html": REFUSES,
    'inspect-attention "The owl" --html page.html': REFUSES,
    "export page page.html": REFUSES,
    "export hf exported": REFUSES,
    "export gguf exported.gguf": REFUSES,
    "export onnx exported": REFUSES,
    "train --init-from runs/own --config runs/own/config.yaml --steps 2 --out runs/next": WORKS,
    "train --resume runs/next --steps 5": WORKS,
}


@pytest.mark.parametrize(
    ("page", "setting"),
    [
        (PAGE.partition(TEACH_NUMPY)[0], "model.block=parallel"),
        (POSITION, "model.position=ramp"),
    ],
    ids=["block", "position"],
)
def test_every_command_works_or_refuses_it_by_name(clone: Clone, page: str, setting: str) -> None:
    clone.edit(page)
    name = setting.replace("=", ": ")
    lines = [TRAIN.format(setting), *(f"attn {line}" for line in COMMANDS)]
    (trained, *outcomes), by_torch = clone.attn([shlex.split(line)[1:] for line in lines])
    assert trained.code == 0, trained.stderr
    for (line, expected), outcome in zip(COMMANDS.items(), outcomes, strict=True):
        if expected == WORKS:
            assert outcome.code == 0, (line, outcome)
        else:
            assert outcome.code == 2, (line, outcome)
            message, *hint = outcome.stderr.splitlines()
            assert re.fullmatch(f"attn: .* {REFUSES} {name}", message), (line, outcome)
            assert len(hint) <= 1
            assert not outcome.stdout
    left = {path.name for path in clone.folder.iterdir()}
    assert left <= {"runs", "cache"}, "a file of what was refused"
    generated = dict(zip(COMMANDS, outcomes, strict=True))
    assert json.loads(next(iter(generated.values())).stdout)["samples"][0]["text"] == by_torch
    shapes = generated["inspect-shapes"].stdout
    assert "checked: " in shapes
    assert "NOT" not in shapes


@pytest.mark.parametrize(
    ("file", "old", "setting"),
    [
        ("config/block_kinds.py", 'Literal["gpt2", "qwen3"', "model.block"),
        ("config/schema.py", 'Literal["learned", "sinusoidal", "rope", "none"', "model.position"),
    ],
)
def test_a_name_alone_is_refused_before_the_first_step(
    clone: Clone, file: str, old: str, setting: str
) -> None:
    path = clone.source / "attn_cli" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, f'{old}, "third"'), encoding="utf-8")
    (trained,), _ = clone.attn([shlex.split(TRAIN.format(f"{setting}=third"))[1:]])
    assert trained.code == 2, trained
    assert f"{setting}: third is not a known" in trained.stderr
    assert not [path for path in clone.folder.rglob("*") if path.is_file()]


def test_the_page_s_commands_do_what_it_says(clone: Clone) -> None:
    before, heading, after = PAGE.partition(TEACH_NUMPY)
    clone.edit(before)
    blocks = [(name, line) for language, name, block in FENCE.findall(before) if language == "sh"
              for line in block.splitlines()]  # fmt: skip
    assert len(blocks) > 15
    outcomes, _ = clone.attn([shlex.split(line)[1:] for _, line in blocks])
    for (name, line), outcome in zip(blocks, outcomes, strict=True):
        assert outcome.code == (2 if name == "fails" else 0), (line, outcome)
    clone.edit(heading + after)
    (line,) = [block.strip() for language, _, block in FENCE.findall(after) if language == "sh"]
    pytest_, path = line.split()
    options = ("-n", "0", "-p", "no:cacheprovider", "--rootdir", str(clone.source))
    tested = clone.run("-m", pytest_, str(clone.source / path), *options)
    assert tested.returncode == 0, tested.stdout
