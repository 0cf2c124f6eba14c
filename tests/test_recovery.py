"""What `catch` remembers holds as long as everything that had a part in the failure is as it was."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
from redunlite import catch, cond, get_context, task
from redunlite.control import catch_all
from redunlite.functools import map_, seq

class Shape:
    def area(self):
        return {n}

@task
def base():
    return {n}

@task
def below():
    return base()

@task
def check(x):
    if not x:
        raise ValueError("zero")
    return x

@task
def recover(error):
    return "recovered"

@task
def area(shape):
    return shape.area()
"""

PARTS = {
    "a call": ("", "check(base())"),
    "a call below": ("", "check(below())"),
    "a default": ("@task\ndef scaled(a, b=base()):\n    return b\n", "check(scaled(5))"),
    "a default with calls below": (
        "@task\ndef scaled(a, b=below()):\n    return b\n", "check(scaled(5))",
    ),
    "a default of a default": (
        "@task\ndef inner(b=base()):\n    return b\n@task\ndef scaled(a, b=inner()):\n    return b\n",
        "check(scaled(5))",
    ),
    "a default of a call below": (
        "@task\ndef inner(b=below()):\n    return b\n@task\ndef scaled(a):\n    return inner()\n",
        "check(scaled(5))",
    ),
    "a partial task": ("@task\ndef add(a, b):\n    return b\n", "check(add.partial(b=below())(1))"),
    "a task that is mapped": ("@task\ndef each(x):\n    return below()\n", "check(map_(each, [1, 2])[0])"),
    "a sequence": ("", "check(seq([below(), 1])[0])"),
    "a condition": ("", "check(cond(base() > 5, 2, below()))"),
    "a handler within": (
        "@task\ndef fail():\n    raise KeyError(1)\n@task\ndef zero(error):\n    return {n}\n",
        "check(catch(fail(), KeyError, zero))",
    ),
    "catch_all within": (
        "@task\ndef fail():\n    raise KeyError(1)\n@task\ndef zero(results):\n    return {n}\n",
        "check(catch_all([fail()], KeyError, zero))",
    ),
    "an option": ("", "check.options(tags=[('n', base())])(base())"),
    "a context that a call sets": (
        "@task\ndef read(x=get_context('n', 0)):\n    return x\n",
        "check(read.update_context(n={n})())",
    ),
    "the class of an instance": ("", "check(area(Shape()))"),
    "the class of an instance in a list": (
        "@task\ndef first(shapes):\n    return shapes[0].area()\n", "check(first([Shape()]))",
    ),
    "an async task": (
        "@task\nasync def wait():\n    return await below()\n", "check(wait())",
    ),
}  # fmt: skip


def run(folder: Path, *options: str) -> object:
    """Run `main` of the workflow in a folder and return its result."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "redunlite", "run", *options, "flow.py", "main"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return ast.literal_eval(done.stdout) if done.returncode == 0 else done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose jobs run in the command's own process."""
    (tmp_path / ".redunlite").mkdir()
    (tmp_path / ".redunlite" / "redunlite.ini").write_text("[executors.default]\ntype = inline\n")
    return tmp_path


@pytest.mark.parametrize("part", PARTS)
def test_edit_of_what_had_a_part_tries_again(folder: Path, part: str) -> None:
    """After an edit that mends the failure, the value comes and not the recovery; and back again."""
    text, expression = PARTS[part]
    results = []
    for n in (0, 0, 1, 0):
        main = f"@task\ndef main():\n    return catch({expression}, ValueError, recover)\n"
        (folder / "flow.py").write_text((HEAD + text + main).replace("{n}", str(n)))
        results.append(run(folder))

    assert results == ["recovered", "recovered", 1, "recovered"]


def test_changed_context_of_a_run_tries_again(folder: Path) -> None:
    """The context in force is part of what a recovery belongs to."""
    text = "@task\ndef read(x=get_context('n', 0)):\n    return x\n"
    main = "@task\ndef main():\n    return catch(check(read()), ValueError, recover)\n"
    (folder / "flow.py").write_text((HEAD + text + main).replace("{n}", "0"))

    assert run(folder, "--context", "n=0") == "recovered"
    assert run(folder, "--context", "n=3") == 3
    assert run(folder, "--context", "n=0") == "recovered"


def test_recovery_that_raises_is_not_remembered(folder: Path) -> None:
    """When the recovery raises too, the next run tries the failed call anew."""
    text = (
        "import os\n@task\ndef look():\n    open('tried', 'a').write('x')\n"
        "    raise ValueError('look')\n@task\ndef worse(error):\n    raise KeyError('worse')\n"
        "@task\ndef main():\n    return catch(look(), ValueError, worse)\n"
    )
    (folder / "flow.py").write_text((HEAD + text).replace("{n}", "0"))

    for _ in range(2):
        said = run(folder)
        assert isinstance(said, str)
        assert "KeyError: 'worse'" in said
    assert (folder / "tried").read_text() == "xx"


def test_recovery_that_gave_a_value_is_remembered(folder: Path) -> None:
    """What failed and was recovered is not tried again by the next run."""
    text = (
        "@task\ndef look():\n    open('tried', 'a').write('x')\n    raise ValueError('look')\n"
        "@task\ndef main():\n    return catch(look(), ValueError, recover)\n"
    )
    (folder / "flow.py").write_text((HEAD + text).replace("{n}", "0"))

    assert [run(folder), run(folder)] == ["recovered"] * 2
    assert (folder / "tried").read_text() == "x"
