"""The report of runs: what it says of each task, what is missing, and that a text stays a text."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from attn_cli.runs.run_folder import RunFolder
from tests.conftest import Outcome, Trained, train_in
from tests.run_copies import copy_group, copy_run

Attn = Callable[..., Outcome]
HOSTILE = "</script><img src=x onerror=alert(1)>"


def report(attn: Attn, *runs: RunFolder | Path) -> str:
    """The HTML of a report."""
    paths = [run.path if isinstance(run, RunFolder) else run for run in runs]
    outcome = attn("report", *paths, "--html", "report.html")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "report.html\n"
    return Path("report.html").read_text("utf-8")


def payload(html: str) -> dict[str, list[dict[str, object]]]:
    """What the report's script draws."""
    (found,) = re.findall(r'<script type="application/json" id="payload">(.*)</script>', html)
    drawn: dict[str, list[dict[str, object]]] = json.loads(found)
    return drawn


def has(html: str, *headings: str) -> list[bool]:
    return [f">{heading}</h2>" in html for heading in headings]


@pytest.mark.parametrize(
    ("fixture", "headings", "titles"),
    [
        ("trained", ["Beside simple methods", "What each head does"], []),
        ("trained_encoder", ["What each head does"], []),
        ("trained_classifier", ["What it takes for what"], ["Validation"]),
        ("trained_translator", ["What it writes", "What each head does"], ["Validation"]),
    ],
)
def test_a_report_has_what_the_task_has(
    fixture: str, headings: list[str], titles: list[str], attn: Attn, request: pytest.FixtureRequest
) -> None:
    trained: Trained = request.getfixturevalue(fixture)
    html = report(attn, trained.run)
    every = {
        "Beside simple methods", "What each head does", "What it takes for what", "What it writes"
    }  # fmt: skip
    assert {heading for heading in every if f">{heading}</h2>" in html} == set(headings)
    assert f"{trained.result.val_loss:.4f}" in html
    assert f"{trained.result.parameters:,}" in html
    drawn = [plot["title"] for plot in payload(html)["0"]]
    assert drawn == ["Loss", *titles, "Learning rate", "Gradient norm"]
    last_step, _ = trained.run.last_samples()[-1]
    assert f"step {last_step}</figcaption>" in html or f"step {last_step} <span" in html
    assert f"attn evaluate --run {trained.run.path.name}" in html or (
        f"attn explain --run {trained.run.path.name}" in html
    )

    assert "task: " + trained.config.task in html
    assert 'class="note">\n  <ul' not in html  # nothing is missing
    assert str(trained.run.path.parent) not in html


def test_methods_stand_beside_the_loss_and_copies_are_marked(attn: Attn, trained: Trained) -> None:
    html = report(attn, trained.run)
    levels = [level["name"] for level in payload(html)["0"][0]["levels"]]  # type: ignore[attr-defined]
    assert levels == ["single characters", "5-gram", "xz", "PPMd"]
    assert '<th scope="row">this model</th>' in html
    assert "<mark>" in html
    assert "longest passage of the training text" in html
    assert re.search(r">model.n_embd</th><td[^>]*><b>24</b></td><td[^>]*>128<", html)


def test_what_a_user_wrote_is_text_and_never_markup(attn: Attn, tmp_path: Path) -> None:
    text = tmp_path / "markup.txt"
    text.write_text(f"{HOSTILE} & \u2028 \n" * 60, encoding="utf-8")
    run = train_in(tmp_path / "runs" / "<b>&'", text, "train.steps=80").run
    run.samples.write_text(f"=== step 80 · val loss 1.0\n{HOSTILE}\n\n", encoding="utf-8")
    html = report(attn, run)
    assert "<img" not in html
    assert "<b>&'" not in html
    assert html.count("</script>") == 2
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in re.sub("</?mark>", "", html)


def test_a_run_that_has_only_begun_has_a_report_that_says_so(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "runs" / "begun")
    run.path.mkdir(parents=True)
    shutil.copy(trained.run.config, run.config)
    html = report(attn, run)
    for what in ("no checkpoint", "no curves", "no samples"):
        assert what in html
    assert payload(html) == {"0": []}
    assert has(html, "Samples over time") == [False]


def test_damaged_lines_and_a_lost_text_are_told(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    run = copy_run(
        trained.run, tmp_path / "runs" / "hurt", finished=False, data__text=["/lost/verse.txt"]
    )
    with run.metrics.open("a", encoding="utf-8") as file:
        file.write('{"step": 1, "chars"\n{"step": "x"}\n')
    run.samples.unlink()
    html = report(attn, run)
    assert "left out: 2 lines of metrics.jsonl" in html
    assert "the run has not finished" in html
    assert "so far, not finished" in html
    assert "nothing is measured on the text" in html
    assert "/lost" not in html
    assert "no samples" in html


def test_runs_are_compared_and_each_is_shown_in_short(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    groups = [
        copy_group(
            trained.run, tmp_path / "runs" / name, {1: loss, 2: loss + 0.01}, model__dropout=p
        )
        for name, loss, p in (("plain", 1.0, 0.0), ("dropped", 0.9, 0.5))
    ]
    html = report(attn, *groups)
    assert has(html, "Beside each other", "plain/seed-1", "dropped/seed-2") == [True, True, True]
    assert "dropped − plain, same seeds" in html
    (plot,) = payload(html)["compared"]
    arms = plot["series"]
    assert [arm["name"] for arm in arms] == ["plain (n = 2)", "dropped (n = 2)"]  # type: ignore[attr-defined]
    assert all(len(point) == 4 for point in arms[0]["points"])  # type: ignore[index]
    assert "<title>plain, dropped</title>" in html


def test_runs_that_cannot_be_compared_are_still_reported(
    attn: Attn, trained: Trained, trained_encoder: Trained
) -> None:
    html = report(attn, trained.run, trained_encoder.run)
    assert "the runs cannot be compared: another task" in html
    assert has(html, "verse", "encoder") == [True, True]


def test_without_a_name_it_is_the_newest_run_and_no_other_file_is_replaced(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    missing = attn("report")
    assert missing.code == 2
    assert "no run" in missing.err
    copy_run(trained.run, tmp_path / "runs" / "tales")
    outcome = attn("report", "--json")
    assert outcome.json["runs"] == [str(Path("runs/tales"))]
    assert outcome.json["bytes"] == (tmp_path / "report.html").stat().st_size
    (tmp_path / "letter.html").write_text("Dear owl", encoding="utf-8")
    refused = attn("report", "--html", "letter.html")
    assert refused.code == 2
    assert "not a page of attn" in refused.err
    assert (tmp_path / "letter.html").read_text("utf-8") == "Dear owl"


def test_the_commands_of_the_documentation_run(
    attn: Attn, trained: Trained, tmp_path: Path
) -> None:
    copy_run(trained.run, tmp_path / "runs" / "tales")
    for arm in ("learned", "rope"):
        copy_group(trained.run, tmp_path / "runs" / arm, {1: 1.0, 2: 1.1})
    page = Path(__file__).parents[2] / "docs" / "how-to" / "compare-settings.md"
    told = re.findall(r"^\$ attn (report.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(told) == 2
    for command in told:
        outcome = attn(*shlex.split(command))
        assert outcome.code == 0, (command, outcome.err)
