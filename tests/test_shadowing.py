"""Files beside a workflow that are named like modules redunlite needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import redunlite
from redunlite.shadowing import NEEDED, PACKAGES

WORKFLOW = """
from redunlite import catch, task
from mine import helper
import statistics

redun_namespace = "w"

@task()
def double(x):
    print("working")
    return 2 * helper(x)

@task()
def fail():
    raise ValueError("no")

@task()
def recover(error):
    return str(error)

@task()
def main(n: int = 2):
    return [double(n), catch(fail(), ValueError, recover), statistics.MINE]
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    # The installed command: `python -m` puts the working folder before Python's own modules itself.
    command = [str(Path(sys.executable).parent / "redunlite"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder with a file for every needed name, each of which says that it was loaded."""
    (tmp_path / ".git").mkdir()
    for name in sorted(NEEDED | PACKAGES):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py was loaded')\n")
    (tmp_path / "mine.py").write_text("def helper(x):\n    return x + 1\n")
    (tmp_path / "statistics.py").write_text("MINE = 'my own'\n")
    (tmp_path / "w.py").write_text(WORKFLOW)
    return tmp_path


def test_needed_names_are_never_the_users(crowded: Path):
    """Running, failing, listing and showing work beside files with all needed names."""
    cold = run(crowded, "run", "w.py", "main")
    cached = run(crowded, "run", "w.py", "main")

    assert cold.stdout == "[6, 'no', 'my own']\n", cold.stderr
    assert cached.stdout == cold.stdout, cached.stderr
    assert "was loaded" not in cold.stderr + cached.stderr
    assert run(crowded, "run", "w.py", "fail").returncode == 1
    for words in (["log"], ["log", "-"], ["log", "w.double"], ["run", "w.py", "help"]):
        done = run(crowded, *words)
        assert (done.returncode, "was loaded" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("name", ["json", "signal", "logging", "types", "peewee", "random"])
def test_workflow_may_have_a_needed_name(tmp_path: Path, name: str):
    """A workflow file with such a name runs, in the main process and in workers, twice."""
    (tmp_path / ".git").mkdir()
    (tmp_path / f"{name}.py").write_text(
        WORKFLOW.replace("from mine import helper", "helper = abs")
        .replace("import statistics", "import json")
        .replace("statistics.MINE", "json.dumps([1])")
    )
    for _ in range(2):
        done = run(tmp_path, "run", f"{name}.py", "main")

        assert done.stdout == "[4, 'no', '[1]']\n", done.stderr


def test_list_of_needed_names_is_whole(tmp_path: Path):
    """Whatever of the standard library redunlite's modules and packages load is in the list."""
    folder = Path(redunlite.__file__).parent
    modules = sorted(
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
        if path.stem not in ("__main__", "testing")
    )
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        f"for name in {modules + ['cloudpickle', 'peewee', 'playhouse.migrate', 'tabulate', 'argcomplete']!r}:\n"
        "    __import__(name)\n"
        "names = {n.partition('.')[0] for n in set(sys.modules) - before}\n"
        "print(*sorted(names & set(sys.stdlib_module_names) - set(sys.builtin_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    public = {name for name in done.stdout.split() if not name.startswith("_")}
    assert public - NEEDED == set()
