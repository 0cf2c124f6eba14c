"""What is recorded of the circumstances of a run: the commit, changes to it, versions of packages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import redunlite
from redunlite import facts, task
from redunlite.facts import GitStatus, find_git_commit, gather_facts
from redunlite.packages import find_loaded_packages
from redunlite.session import open_session

redun_namespace = "test_facts"


@task(executor="inline")
def one():
    """Run."""
    return 1


class Repository:
    """A git repository with one commit of one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q")
        (folder / "a.txt").write_text("a")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "x")
        self.commit = self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        """Return what a git command says."""
        names = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(
            ["git", *names, *words], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository that is the working folder; git is given all the time that it wants."""
    monkeypatch.setattr(facts, "PATIENCE_S", 30.0)
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Repository(folder)


@pytest.fixture
def slow_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that waits for what never comes."""
    os.mkfifo(tmp_path / "never")
    script = tmp_path / "git"
    script.write_text(f"#!/bin/sh\nread line < {tmp_path}/never\n")
    script.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


def test_git_commit_is_read_without_git(tmp_path: Path, repository: Repository) -> None:
    """The commit of a branch, of a packed branch, of a detached head and of a second work tree."""
    below = repository.folder / "a" / "b"
    below.mkdir(parents=True)

    assert find_git_commit("") is None
    assert find_git_commit(str(below)) == repository.commit
    repository.git("pack-refs", "--all")
    assert find_git_commit(str(below)) == repository.commit
    other = tmp_path / "other"
    repository.git("worktree", "add", "-q", "-b", "other", str(other))
    assert find_git_commit(str(other)) == repository.commit
    repository.git("checkout", "-q", "--detach")
    assert find_git_commit(str(below)) == repository.commit
    (other / ".git").write_text("gitdir: nowhere")
    assert find_git_commit(str(other)) is None


def test_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    """A branch that does not exist yet."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)

    assert find_git_commit(str(tmp_path)) is None


def test_git_tells_whether_tracked_files_have_changed(repository: Repository) -> None:
    """Not before, and not for a file that git does not know; then for an edit, also a staged one."""
    assert GitStatus().end() is False
    (repository.folder / "new.txt").write_text("new")
    assert GitStatus().end() is False
    (repository.folder / "a.txt").write_text("b")
    assert GitStatus().end() is True
    repository.git("add", "a.txt")
    assert GitStatus().end() is True


def test_asking_git_changes_nothing(repository: Repository) -> None:
    """Also when it would refresh its index: a touched file is no change, and stays touched."""
    os.utime(repository.folder / "a.txt", ns=(1, 1))
    index = repository.folder / ".git" / "index"
    before = index.read_bytes(), index.stat().st_mtime_ns

    assert GitStatus().end() is False
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


def test_without_git_nothing_is_known(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No git on the path, one that fails, and a folder that is no repository."""
    (tmp_path / "no").mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "no"))
        assert GitStatus().end() is None
    monkeypatch.chdir(tmp_path / "no")
    assert GitStatus().end() is None


def test_slow_git_holds_nothing_up(slow_git: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not said in time stays unknown, and it is ended."""
    monkeypatch.setattr(facts, "PATIENCE_S", 0.0)
    status = GitStatus()
    pid = status._pid

    assert status.end() is None
    if pid in facts._given_up:
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert GitStatus().end() is None
    assert pid not in facts._given_up


def read_row() -> dict[str, object]:
    """Return what is recorded of the latest execution of the project."""
    session = open_session()
    assert session.database is not None
    names = ("git_commit", "git_dirty", "python", "user", "versions")
    row = session.database.connection.execute(
        f"SELECT {', '.join(names)} FROM execution ORDER BY id DESC LIMIT 1"
    ).fetchone()
    session.close()
    return dict(zip(names, row))


def test_execution_records_its_circumstances(repository: Repository) -> None:
    """Commit, changes, Python and versions are in the row of the execution."""
    redunlite.run(one())
    before = read_row()
    (repository.folder / "a.txt").write_text("b")
    redunlite.run(one())
    after = read_row()

    assert before["git_commit"] == after["git_commit"] == repository.commit
    assert (before["git_dirty"], after["git_dirty"]) == (0, 1)
    assert before["python"] == ".".join(map(str, sys.version_info[:3]))
    versions = json.loads(str(before["versions"]))
    assert versions["redunlite"] == redunlite.__version__
    assert versions["pytest"] == pytest.__version__


def test_execution_outside_a_repository_knows_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both columns are empty."""
    monkeypatch.chdir(tmp_path)
    redunlite.run(one())
    row = read_row()

    assert (row["git_commit"], row["git_dirty"]) == (None, None)


def test_versions_are_those_of_loaded_packages() -> None:
    """Under the name of the distribution; neither the standard library nor what is not loaded."""
    code = (
        "import json, numpy, redunlite.facts as facts, sys\n"
        "found = facts.gather_facts()['versions']\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "print(json.dumps([json.loads(found), numpy.__version__]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, numpy_version = json.loads(done.stdout)

    assert found == {"numpy": numpy_version, "redunlite": redunlite.__version__}


def test_module_of_another_name_goes_by_its_own_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list of files is read for it; without a version it is left out."""
    folder = tmp_path / "site-packages"
    (folder / "Some_Thing-1.5.dist-info").mkdir(parents=True)
    (folder / "some_thing.py").touch()
    (folder / "other.py").write_text("__version__ = '7'")
    (folder / "third.py").write_text("__version__ = (1, 2)")
    (folder / "_private.py").write_text("__version__ = '8'")
    monkeypatch.syspath_prepend(str(folder))
    names = ("some_thing", "other", "third", "_private")
    for name in names:
        __import__(name)
    found = find_loaded_packages()
    for name in names:
        del sys.modules[name]

    wanted = {"Some_Thing": "1.5", "other": "7"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert not {"third", "_private"} & set(found)


def test_facts_know_who_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """User, host and folder; a folder that is gone is none."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert gather_facts()["cwd"] == str(gone)
    gone.rmdir()

    found = gather_facts()

    assert found["cwd"] == "" and found["git_commit"] is None
    assert found["user"] and found["host"] == os.uname().nodename
