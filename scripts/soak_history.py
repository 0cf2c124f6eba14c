"""Let every history command answer for every id in the database of the working folder.

Prints each command that fails, or that shows a frame of the engine, with what it said; exits with 1
then. Without ``--whole`` only what was recorded since the last call is asked for.
"""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import sys
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

from redunlite import cli, hashing
from redunlite.recorder.codes import CALL_OK, DONE

ASKED = Path("asked-before")
PACKAGE = os.path.dirname(cli.__file__).removesuffix("cli")


def iter_ids(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield the kind and the id of everything that is recorded."""
    executions = dict(connection.execute("SELECT id, uuid FROM execution"))
    for number, status in connection.execute("SELECT id, status FROM execution"):
        name = str(uuid.UUID(bytes=executions[number]))
        yield "execution" if status == DONE else "failed execution", name
    for number, salt, status in connection.execute("SELECT id, salt, status FROM job"):
        yield (
            "job" if status == DONE else "failed job",
            str(uuid.UUID(bytes=salt + executions[number >> 32][8:])),
        )
    for raw, status in connection.execute("SELECT DISTINCT call_hash, status FROM call"):
        if raw is not None:
            yield "call" if status == CALL_OK else "failed call", raw.hex()
    for (raw,) in connection.execute("SELECT DISTINCT eval_hash FROM call"):
        yield "evaluation", raw.hex()
    for (raw,) in connection.execute("SELECT hash FROM task"):
        yield "task", raw.hex()
    for (raw,) in connection.execute("SELECT hash FROM value WHERE format != 'o'"):
        yield "value", raw.hex()
    for (token,) in connection.execute(
        "SELECT result FROM call WHERE typeof(result) = 'blob' "
        "UNION SELECT value FROM argument WHERE typeof(value) = 'blob'"
    ):
        yield "small value", hashing.value_hash(token).hex()


def iter_commands(kind: str, word: str) -> Iterator[list[str]]:
    """Yield the commands that answer for an id."""
    yield ["log", word]
    yield ["log", word, "--json"]
    if kind != "task" and kind != "evaluation" and not kind.startswith("failed"):
        yield ["show", word]
    if kind in ("execution", "failed execution"):
        yield ["log", word, "--jobs", "--format", "csv"]
        yield ["log", word, "--failed"]
    if kind != "evaluation":
        yield ["tag", "list", word]


def run(words: list[str]) -> str:
    """Run a command; return what is wrong with what it did."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(words)
    except BaseException:  # a command returns a code, whatever happens
        return traceback.format_exc()
    err.flush()
    said = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    return said or f"exit {code}" if code or f'File "{PACKAGE}' in said else ""


def main() -> int:
    """Ask; return the exit code."""
    connection = sqlite3.connect("file:.redunlite/redunlite.db?mode=ro", uri=True)
    ids = list(dict.fromkeys(iter_ids(connection)))
    names = [name for (name,) in connection.execute("SELECT DISTINCT name FROM task")]
    connection.close()
    asked = set() if "--whole" in sys.argv or not ASKED.exists() else set(ASKED.read_text().split())
    commands = [["log"], ["log", "-"], ["log", "--all", "--json"], ["log", "--jobs", "--all"], ["log", "--failed"],
                ["info"], ["tasks", "flow.py"], ["tag", "list"]]  # fmt: skip
    commands += [["log", "--jobs", "--task", name] for name in names]
    for kind, word in ids:
        if word not in asked:
            commands += iter_commands(kind, word)
    n_wrong = 0
    for words in commands:
        problem = run(words)
        if problem:
            n_wrong += 1
            print(f"redunlite {' '.join(words)}\n{problem}", file=sys.__stdout__)
        if n_wrong == 3:
            break
    ASKED.write_text("\n".join(word for _, word in ids))
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
