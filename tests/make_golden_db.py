"""Makes ``golden/schema_1.sql`` and ``golden/schema_1.db``: the schema, and a small real history.

    python tests/make_golden_db.py

To be run once for each schema version, with the name of the new version; what older versions left
behind is never made again. The history is a run of hello world, the same cached, and one that fails.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from redunlite.recorder.codes import SCHEMA_VERSION
from redunlite.recorder.database import DATABASE_NAME, iter_schema

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
WORKFLOW = """\
from redunlite import task

redun_namespace = "golden"


@task()
def get_planet() -> str:
    return "World"


@task()
def greeter(greet: str, thing: str) -> str:
    return f"{greet}, {thing}!"


@task()
def main(greet: str = "Hello") -> str:
    return greeter(greet, get_planet())


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def collect(xs: list) -> list:
    print("collecting", len(xs))
    return [xs, "x" * 100]


@task()
def fan(n: int = 5) -> list:
    return collect([inc(i) for i in range(n)])


@task()
def fail() -> None:
    raise ValueError("golden")
"""


def format_schema() -> str:
    """Return the statements of the schema as text."""
    return "".join(f"{statement};\n" for statement in iter_schema())


def make_database(path: str) -> None:
    """Run the workflow and keep its database at `path`."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "golden.py"), "w") as file:
            file.write(WORKFLOW)
        for words in ("main", "main", "fan", "fail"):
            subprocess.run(
                [sys.executable, "-m", "redunlite", "run", "golden.py", *words.split()],
                cwd=folder,
                check=False,
                capture_output=True,
            )
        shutil.copyfile(os.path.join(folder, ".redunlite", DATABASE_NAME), path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(
        "UPDATE execution SET user = 'user', host = 'host', cwd = '/project', pid = 1"
    )
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    name = os.path.join(GOLDEN, f"schema_{SCHEMA_VERSION}")
    if os.path.exists(f"{name}.db"):
        sys.exit(f"{name}.db is there already, and is kept for ever")
    with open(f"{name}.sql", "w") as file:
        file.write(format_schema())
    make_database(f"{name}.db")
