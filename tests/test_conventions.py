"""The habits of this project, read from its own files: docstrings, errors, output, scripts."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "redunlite"
PRINTING = ("cli/", "display/", "reporter.py", "__main__.py")
"""Where `print` is at home."""
SHELL_SCRIPTS = ["scripts/run", "scripts/test", "scripts/check", "scripts/test-pythons", ".ci/run"]


def iter_modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the path within the package and the syntax tree of each module."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def is_special(node: ast.AST) -> bool:
    """Tell whether a definition needs no docstring: an overload, a setter, a Peewee model's Meta."""
    if isinstance(node, ast.ClassDef) and node.name == "Meta":
        return True
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(d).endswith(("overload", ".setter", ".deleter")) for d in decorators)


def iter_undocumented(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the name and line of each public definition without a docstring.

    Public are functions and classes of a module, and methods of public classes, whose names do not
    begin with an underscore. What is defined inside a function is its own affair.
    """
    todo: list[tuple[str, ast.AST]] = [("", tree)]
    while todo:
        prefix, parent = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, (ast.If, ast.Try)):
                todo.append((prefix, node))
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if node.name.startswith("_") or is_special(node):
                continue
            if ast.get_docstring(node) is None:
                yield f"{prefix}{node.name}", node.lineno
            if isinstance(node, ast.ClassDef):
                todo.append((f"{prefix}{node.name}.", node))


def iter_prints(tree: ast.Module) -> Iterator[int]:
    """Yield the line of each call of `print`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            yield node.lineno


def iter_bare_excepts(tree: ast.Module) -> Iterator[int]:
    """Yield the line of each `except:` that names no class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno


def test_every_module_has_a_docstring() -> None:
    """Each module opens with what it decides."""
    missing = [name for name, tree in iter_modules() if not ast.get_docstring(tree)]

    assert missing == []


def test_every_public_definition_has_a_docstring() -> None:
    """Each public function, class and method says what it does."""
    missing = [
        f"redunlite/{name}:{line} {definition}"
        for name, tree in iter_modules()
        for definition, line in iter_undocumented(tree)
    ]

    assert not missing, "\n".join(missing)


def test_no_except_is_bare() -> None:
    """An `except:` would also take the end of the program."""
    found = [f"{name}:{line}" for name, tree in iter_modules() for line in iter_bare_excepts(tree)]

    assert found == []


def test_only_the_face_prints() -> None:
    """Logic returns or yields; printing is for the command line and its helpers."""
    found = [
        f"{name}:{line}"
        for name, tree in iter_modules()
        if not name.startswith(PRINTING)
        for line in iter_prints(tree)
    ]

    assert found == []


def test_convention_rules_find_what_breaks_them() -> None:
    """The rules above are able to fail."""
    tree = ast.parse(
        "def f():\n    def inner(): pass\n    print(1)\n"
        "class C:\n    '''Doc.'''\n    def m(self): pass\n    def _m(self): pass\n"
        "if True:\n    def g(): pass\n"
        "try:\n    pass\nexcept:\n    pass\n"
    )

    assert sorted(iter_undocumented(tree)) == [("C.m", 6), ("f", 1), ("g", 9)]
    assert list(iter_prints(tree)) == [3]
    assert list(iter_bare_excepts(tree)) == [12]


def test_tests_say_what_they_prove() -> None:
    """Each test has a docstring, and its name says more than one word."""
    wrong = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in sorted((PROJECT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) and re.fullmatch(r"test_\w+_\w+", node.name))
    ]

    assert not wrong, "\n".join(wrong)


def list_readme_commands() -> list[str]:
    """Return the commands of the README's console blocks."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_readme_begins_with_commands_that_exist() -> None:
    """The first commands of the README run a script and a workflow that are there."""
    commands = list_readme_commands()
    script, workflow, task = commands[0].split()

    assert commands[1:3] == ["source .venv/bin/activate", "redunlite log"]
    assert os.access(PROJECT / script, os.X_OK)
    assert f"def {task}(" in (PROJECT / workflow).read_text(encoding="utf-8")


def test_documents_name_scripts_that_can_be_run() -> None:
    """Every script that README and CONTRIBUTING name is there and executable."""
    pages = [
        (PROJECT / page).read_text(encoding="utf-8") for page in ("README.md", "CONTRIBUTING.md")
    ]
    named = {
        name for page in pages for name in re.findall(r"(?:scripts|\.ci)/[a-z-]+(?![\w./])", page)
    }

    assert {"scripts/run", "scripts/test", ".ci/run"} <= named
    assert sorted(name for name in named if not os.access(PROJECT / name, os.X_OK)) == []


def test_documents_link_to_files_that_exist() -> None:
    """No page of the project links to a file that is not there."""
    broken = [
        f"{page.name}: {target}"
        for page in [
            *PROJECT.glob("*.md"),
            *PROJECT.glob("docs/*.md"),
            *PROJECT.glob("examples/*/*.md"),
        ]
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("script", [*SHELL_SCRIPTS, "scripts/lib.sh"])
def test_shell_scripts_can_be_parsed(script: str) -> None:
    """Bash finds nothing wrong with the form of the script."""
    done = subprocess.run(["bash", "-n", PROJECT / script], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_shell_scripts_stop_at_the_first_error(script: str) -> None:
    """Each is run by bash, and with the options that make an unseen failure visible."""
    lines = (PROJECT / script).read_text(encoding="utf-8").splitlines()

    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines


def test_run_script_tells_its_usage_without_making_anything(tmp_path: Path) -> None:
    """Called without a word it says how, with status 2, and makes no environment."""
    (tmp_path / "scripts").mkdir()
    for name in ("run", "lib.sh"):
        (tmp_path / "scripts" / name).write_bytes((PROJECT / "scripts" / name).read_bytes())
    done = subprocess.run(
        ["bash", tmp_path / "scripts" / "run"], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 2
    assert done.stderr.startswith("usage: scripts/run FILE TASK")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scripts"]


@pytest.mark.parametrize("way", ["link", "link of a link", "linked folder"])
def test_scripts_find_their_project_through_links(tmp_path: Path, way: str) -> None:
    """As in a folder of commands; CDPATH changes nothing."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "run"
    if way == "linked folder":
        (tmp_path / "scripts").symlink_to(PROJECT / "scripts")
        script = tmp_path / "scripts" / "run"
    else:
        script.symlink_to(os.path.relpath(PROJECT / "scripts" / "run", script.parent))
    if way == "link of a link":
        (tmp_path / "again").symlink_to("bin/run")
        script = tmp_path / "again"
    environment = {**os.environ, "CDPATH": f"/:{tmp_path}"}

    done = subprocess.run([script], env=environment, cwd=tmp_path, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: scripts/run FILE TASK")


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_scripts_look_where_links_lead(script: str) -> None:
    """Each finds its folder in the same way."""
    assert '"$(readlink -f -- "${BASH_SOURCE[0]}")"' in (PROJECT / script).read_text(
        encoding="utf-8"
    )
