"""What is recorded of the circumstances of an execution: who, where, with which versions and commit.

Decided here: what is asked, and that nothing of it holds a run up. The commit is read from git's
files. Whether files differ from it only git can tell: it is asked in the background when the run
begins, and what it has not said by the end stays unknown. Versions are those of the installed
packages that are loaded when the run begins. State: processes of git that were given up.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from redunlite.packages import find_loaded_packages

FACTS = ("user", "host", "cwd", "python", "versions", "git_commit")
"""Names of what is known when an execution begins."""
PATIENCE_S = 0.01
"""How long the end of a run waits for git."""
_GIT = (
    "git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain",
    "--untracked-files=no", "--ignore-submodules=dirty",
)  # fmt: skip
_given_up: list[int] = []
"""Ids of processes of git that were killed and had not ended then."""


def gather_facts() -> dict[str, Any]:
    """Return what is known when an execution begins, as columns of its row."""
    try:
        import pwd

        user = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        user = os.environ.get("USER", "")
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        cwd = ""
    return {
        "user": user,
        "host": os.uname().nodename,
        "cwd": cwd,
        "python": ".".join(str(n) for n in sys.version_info[:3]),
        "versions": json.dumps(_find_versions()),
        "git_commit": find_git_commit(cwd),
    }


def _find_versions() -> dict[str, str]:
    from redunlite import __version__

    return {**find_loaded_packages(), "redunlite": __version__}


def find_git_commit(folder: str) -> str | None:
    """Return the commit that is checked out at `folder`, or None; read without starting git."""
    if not folder:
        return None
    git = os.path.join(folder, ".git")
    while not os.path.exists(git):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
        git = os.path.join(folder, ".git")
    try:
        common = git
        if not os.path.isdir(git):  # a work tree beside the repository's own
            git = os.path.join(folder, _read_line(git).removeprefix("gitdir: "))
            common = os.path.join(git, _read_line(os.path.join(git, "commondir")))
        head = _read_line(os.path.join(git, "HEAD"))
        if not head.startswith("ref: "):
            return head or None
        name = head[5:]
        try:
            return _read_line(os.path.join(common, name)) or None
        except FileNotFoundError:
            with open(os.path.join(common, "packed-refs"), encoding="utf-8") as lines:
                for line in lines:
                    commit, _, packed = line.strip().partition(" ")
                    if packed == name:
                        return commit
    except (OSError, UnicodeDecodeError):
        pass
    return None


def _read_line(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


class GitStatus:
    """Asks git in the background whether tracked files differ from the commit.

    Starting it takes 0.3 ms. Git writes nothing, runs no hook, and looks at no untracked files.
    """

    def __init__(self) -> None:
        self._answer, write_end = os.pipe()
        self._pid = 0
        null = ((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 2))
        try:
            self._pid = os.posix_spawnp(
                _GIT[0], _GIT, os.environ,
                file_actions=[*null, (os.POSIX_SPAWN_DUP2, write_end, 1)],
            )  # fmt: skip
        except OSError:
            pass  # there is no git
        finally:
            os.close(write_end)

    def end(self) -> bool | None:
        """Return what git said, or None when it cannot tell, or not in time; it is ended then."""
        if not self._pid:
            os.close(self._answer)
            return None
        pid, self._pid = self._pid, 0
        told = self._read()
        if told is None or told:
            # One line tells enough; git need not write the rest.
            os.kill(pid, signal.SIGKILL)
            _given_up.append(pid)
            for left in list(_given_up):
                if _wait_for(left, os.WNOHANG) is not None:
                    _given_up.remove(left)
            return None if told is None else True
        return False if _wait_for(pid, 0) == 0 else None

    def _read(self) -> bytes | None:
        """Return the first byte of the answer, b"" at its end, None when neither came in time."""
        import select

        try:
            if not select.select([self._answer], [], [], PATIENCE_S)[0]:
                return None
            return os.read(self._answer, 1)
        finally:
            os.close(self._answer)


def _wait_for(pid: int, options: int) -> int | None:
    """Return the wait status of a process of git, or None when it has not ended."""
    try:
        ended, status = os.waitpid(pid, options)
    except ChildProcessError:
        return -1  # the user's code waits for any child
    return status if ended else None
