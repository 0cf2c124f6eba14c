"""Types: mypy and pyright accept the right calls of `typing/example.py` and report the wrong ones."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLE = PROJECT / "tests" / "typing" / "example.py"


def find_marked_lines(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines that are wrong."""
    return {number for number, line in enumerate(lines, 1) if re.search(r"  # E: \S", line)}


def need(module: str) -> None:
    """Skip the test where a checker is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed (it comes with the test extra)")


def check_reports(reports: dict[int, str], path: Path = EXAMPLE) -> None:
    """Compare what a checker reported of a file, by line, with the marks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    marked = find_marked_lines(lines)
    not_expected = {line: reports[line] for line in sorted(reports.keys() - marked)}
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


def run_pyright(path: Path, folder: Path, mode: str) -> dict[int, str]:
    """Return what pyright reports of a file, by line; `folder` is for its settings."""
    settings = {
        "include": [os.path.relpath(path, folder)],
        "extraPaths": [os.path.relpath(PROJECT, folder)],
        "pythonVersion": "3.10",
        "typeCheckingMode": mode,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    argv = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*argv, "--project", str(folder)], capture_output=True, text=True, timeout=300
    )
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    assert {Path(d["file"]).name for d in diagnostics} == {path.name}, done.stdout
    return {d["range"]["start"]["line"] + 1: d["message"] for d in diagnostics}


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_pyright_reports_exactly_the_wrong_lines(tmp_path: Path, mode: str) -> None:
    """Pyright, in both of its modes: every marked line is an error and no other is."""
    need("basedpyright")

    check_reports(run_pyright(EXAMPLE, tmp_path, mode))


@pytest.mark.parametrize("order", ["last first", "middle first"])
def test_pyright_reports_the_same_in_another_order(tmp_path: Path, order: str) -> None:
    """Pyright remembers which tasks did not fit where; no form may depend on what came before."""
    need("basedpyright")
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = text.splitlines()
    statements = ast.parse(text).body
    shown = [
        "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in statements
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    for node in reversed(statements):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            del lines[node.lineno - 1 : node.end_lineno]
    middle = len(shown) // 2
    shown = shown[::-1] if order == "last first" else [*shown[middle:], *shown[:middle]]
    path = tmp_path / "reordered.py"
    path.write_text("\n".join([*lines, *shown]) + "\n", encoding="utf-8")

    check_reports(run_pyright(path, tmp_path, "standard"), path)
