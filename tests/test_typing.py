"""Types: mypy and pyright accept the right calls of `typing/example.py` and report the wrong ones."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLE = PROJECT / "tests" / "typing" / "example.py"


def find_marked_lines() -> set[int]:
    """Return the numbers of the lines of the example that are wrong."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if re.search(r"  # E: \S", line)}


def need(module: str) -> None:
    """Skip the test where a checker is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed (it comes with the test extra)")


def check_reports(reports: dict[int, str]) -> None:
    """Compare what a checker reported, by line, with the marks."""
    marked = find_marked_lines()
    not_expected = {line: reports[line] for line in sorted(reports.keys() - marked)}
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    not_reported = {line: lines[line - 1] for line in sorted(marked - reports.keys())}

    assert not_expected == {}
    assert not_reported == {}


def test_mypy_reports_exactly_the_wrong_lines(tmp_path: Path) -> None:
    """Mypy, strict, on the oldest Python: every marked line is an error and no other is."""
    need("mypy")
    argv = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--python-version=3.10"]
    argv += ["--no-error-summary", "--hide-error-context", "--no-pretty", "--no-color-output"]
    argv += ["--follow-imports=silent", f"--cache-dir={tmp_path}", str(EXAMPLE)]
    environment = {**os.environ, "MYPYPATH": str(PROJECT)}
    done = subprocess.run(
        argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    found = re.findall(r"^(.*?):(\d+): error: (.*)$", done.stdout, re.M)
    assert {Path(path).name for path, _, _ in found} == {EXAMPLE.name}, done.stdout

    check_reports({int(line): text for _, line, text in found})


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_pyright_reports_exactly_the_wrong_lines(tmp_path: Path, mode: str) -> None:
    """Pyright, in both of its modes: every marked line is an error and no other is."""
    need("basedpyright")
    settings = {
        "include": [os.path.relpath(EXAMPLE, tmp_path)],
        "extraPaths": [os.path.relpath(PROJECT, tmp_path)],
        "pythonVersion": "3.10",
        "typeCheckingMode": mode,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    argv = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*argv, "--project", str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    assert {Path(d["file"]).name for d in diagnostics} == {EXAMPLE.name}, done.stdout

    check_reports({d["range"]["start"]["line"] + 1: d["message"] for d in diagnostics})
