"""Environments of their own for what scripts compare: made once, under `.bench/`.

Imported by the scripts beside it, which need nothing but Python.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BENCH = PROJECT / ".bench"
REDUN_REQUIREMENT = "redun==0.44.1"
"""The version that the reference behaviour was read from."""


class Unavailable(Exception):
    """What cannot be had or measured here; the text tells why."""


def run_quietly(*argv: str | Path, cwd: Path | None = None) -> None:
    """Run a command of the set-up; raise Unavailable with its last line when it fails."""
    done = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise Unavailable(f"{Path(argv[0]).name} failed: {lines[-1]}")


def compute_source_digest() -> str:
    """Return a digest over everything that an installation of this checkout depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for path in [PROJECT / "setup.cfg", *sorted((PROJECT / "redunlite").rglob("*.py"))]:
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


class Environment:
    """A virtual environment with one contender in it, made when it is first asked for."""

    def __init__(self, name: str, requirements: Sequence[str], *, is_ours: bool = False) -> None:
        self.name = name
        self.folder = BENCH / name
        self._requirements = requirements
        self._is_ours = is_ours
        self._problem: str | None = None
        self._is_ready = False

    def get_program(self, program: str = "python") -> Path:
        """Return the path of a program in it. Raises Unavailable when it cannot be made."""
        if self._problem is not None:
            raise Unavailable(self._problem)
        if not self._is_ready:
            try:
                self._make()
            except Unavailable as error:
                self._problem = str(error)
                raise
            self._is_ready = True
        return self.folder / "bin" / program

    def _make(self) -> None:
        stamp = self.folder / ".stamp"
        wanted = compute_source_digest() if self._is_ours else sys.version
        wanted += " ".join(self._requirements)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"making the environment of {self.name} …", file=sys.stderr)
        python = self.folder / "bin" / "python"
        if not python.exists():
            run_quietly(sys.executable, "-m", "venv", "--clear", self.folder)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        if self._requirements:
            run_quietly(*pip, *self._requirements)
        if self._is_ours:
            # From a copy: a build in the checkout would leave files that the next one packs.
            with tempfile.TemporaryDirectory() as copy:
                for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
                    if (PROJECT / name).exists():
                        shutil.copy(PROJECT / name, copy)
                shutil.copytree(
                    PROJECT / "redunlite",
                    Path(copy) / "redunlite",
                    ignore=shutil.ignore_patterns("__pycache__"),
                )
                run_quietly(python, "-m", "pip", "uninstall", "--quiet", "--yes", "redunlite")
                run_quietly(*pip, copy)
        stamp.write_text(wanted)
