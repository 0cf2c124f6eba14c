"""Values that completion offers: files, folders, ids, and names that the history knows.

Decided here: what fits at which word, in the table `COMPLETERS`, and how long a look into the history
may take. Not here: which word is asked for (`cli.finder`). A completer gets the letters typed so far
and what was said before them, and returns values, newest or nearest first, with or without a line
about each.

No state. Nothing is written, nothing is waited for, and no workflow is run. The history is asked in
SQL, because the rooms that know it take longer to import than a TAB may take; what cannot be read has
nothing to offer.
"""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redunlite.display.text import cut, escape, format_words
from redunlite.recorder import codes

if TYPE_CHECKING:
    from redunlite.recorder.database import Database

N_OFFERED = 20
"""Most ids of one kind that are offered at once."""
MAX_STEPS = 500_000
"""Steps of SQLite's machine after which a look into the history ends: about 15 ms, which is enough
for the ids of the newest 125,000 jobs."""
N_SLICES = 20
"""Times that the steps are counted."""
ID_DIGITS = 8
LINE_WIDTH = 100

Values = Iterable[str] | dict[str, str]
Completer = Callable[..., Values]
"""Called with ``prefix`` and ``parsed_args``; a dict has a line about each value."""


class Choices:
    """Offers values that are known beforehand, each with what to tell about it."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def __call__(self, **_: Any) -> dict[str, str]:
        """Return all of them."""
        return self._values


# Files.


def complete_files(prefix: str, **_: Any) -> list[str]:
    """Offer files and folders."""
    return list_paths(prefix)


def complete_workflows(prefix: str, **_: Any) -> list[str]:
    """Offer Python files and folders."""
    return list_paths(prefix, suffix=".py")


def complete_folders(prefix: str, **_: Any) -> list[str]:
    """Offer folders."""
    return list_paths(prefix, suffix="/")


def list_paths(prefix: str, suffix: str = "") -> list[str]:
    """Return the paths that begin with `prefix`: folders, and files whose names end with `suffix`.

    Folders end with a slash. Hidden ones are only there when their dot was typed; ``~`` stays as
    it was typed, and so does the ``@`` of ``@file.json``.
    """
    mark = "@" if prefix.startswith("@") and not os.path.lexists(prefix) else ""
    head, begin = os.path.split(prefix[len(mark) :])
    typed = mark + prefix[len(mark) : len(prefix) - len(begin)]
    if head == "" and begin.startswith("~") and os.path.isdir(os.path.expanduser(begin)):
        return [f"{mark}{begin}/"]
    found = []
    try:
        with os.scandir(os.path.expanduser(head) or ".") as entries:
            for entry in entries:
                name = entry.name
                if not name.startswith(begin) or name == "__pycache__":
                    continue
                if name.startswith(".") and not begin.startswith("."):
                    continue
                if not name.isprintable():
                    continue
                if entry.is_dir():
                    found.append(f"{typed}{name}/")
                elif name.endswith(suffix):
                    found.append(f"{typed}{name}")
    except OSError:
        return []
    return sorted(found, key=lambda path: (path.endswith("/"), path))


# Settings.


def complete_executors(parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer the executors that are configured, with their types."""
    from redunlite.config import load_config

    config = load_config(_find_folder(parsed_args))
    return {
        name: executor.type if name != executor.type else ""
        for name, executor in config.executors.items()
    }


def complete_options(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer the task options that a call may set, and behind ``name=`` values that can be listed."""
    from redunlite.options import CacheCheckValid, CacheScope, iter_call_options

    name, equals, _value = prefix.partition("=")
    if not equals:
        found = {f"{o.name}=": o.meaning for o in iter_call_options() if o.name != "script"}
        own = dict.fromkeys(_find_own_options(parsed_args), "an option of this project's own")
        return found | {f"{option}=": meaning for option, meaning in own.items()}
    lists: dict[str, Iterable[str]] = {
        "cache": ("true", "false"),
        "prov": ("true", "false"),
        "cache_scope": CacheScope.__members__,
        "check_valid": [member.value for member in CacheCheckValid],
    }
    values = (
        complete_executors(parsed_args)
        if name == "executor"
        else dict.fromkeys(lists.get(name, ()), "")
    )
    return {f"{name}={value}": told for value, told in values.items()}


def _find_own_options(parsed_args: Namespace) -> Sequence[str]:
    """Return the task options that the configuration declares; none of one with a mistake."""
    from redunlite.config import load_config
    from redunlite.errors import RedunliteError

    try:
        return load_config(_find_folder(parsed_args)).options.names
    except RedunliteError:
        return ()


def complete_context(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer the context variables of the configuration, each with its value."""
    from redunlite.config import load_config

    found: dict[str, str] = {}
    todo = [("", load_config(_find_folder(parsed_args)).context)]
    while todo:
        path, variables = todo.pop()
        for name, value in variables.items():
            if "=" in name or "." in name:
                continue
            if isinstance(value, Mapping):
                todo.append((f"{path}{name}.", value))
            else:
                found[f"{path}{name}="] = cut(escape(repr(value)), LINE_WIDTH)
    return dict(sorted(found.items()))


def _find_folder(parsed_args: Namespace) -> str | None:
    from redunlite.config import resolve_folder

    return resolve_folder(getattr(parsed_args, "config", None))


# The history.


@contextmanager
def open_history(parsed_args: Namespace) -> Iterator[Database | None]:
    """Give the project's database, open for reading; None where there is none to be read."""
    from redunlite.recorder.database import DATABASE_NAME, open_readonly

    folder = _find_folder(parsed_args)
    path = "" if folder is None else os.path.join(folder, DATABASE_NAME)
    if not os.path.exists(path):
        yield None
        return
    database = open_readonly(path, is_hurried=True)
    try:
        slices = iter(range(N_SLICES))
        database.connection.set_progress_handler(
            lambda: next(slices, None) is None, max(MAX_STEPS // N_SLICES, 1)
        )
        yield database
    finally:
        database.close()


def _read(database: Database, sql: str, *values: Any) -> Iterator[Any]:
    """Yield rows for as long as may be taken."""
    import sqlite3

    try:
        yield from database.connection.execute(sql, values)
    except sqlite3.OperationalError:
        return  # interrupted by the progress handler, or locked


def complete_ids(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer ids of executions and jobs, newest first; of other records when neither fits."""
    with open_history(parsed_args) as database:
        if database is None:
            return {}
        found = _list_executions(database, prefix)
        found.update(_list_jobs(database, prefix))
        if not found and len(prefix) >= 2:
            found = _list_hashes(database, prefix)
        return found


def complete_executions(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer ids of executions, newest first."""
    with open_history(parsed_args) as database:
        return {} if database is None else _list_executions(database, prefix)


def complete_jobs(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer ids of jobs, newest first."""
    with open_history(parsed_args) as database:
        return {} if database is None else _list_jobs(database, prefix)


def complete_words(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer what `log` takes: ids, and once a letter is typed names of tasks and paths."""
    found = complete_ids(prefix, parsed_args)
    if prefix:
        found.update(complete_tasks(prefix, parsed_args))
        found.update(dict.fromkeys(list_paths(prefix), ""))
    return found


def complete_tasks(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer the names of recorded tasks, short ones until a dot is typed."""
    with open_history(parsed_args) as database:
        if database is None:
            return {}
        rows = list(
            _read(database, "SELECT name, namespace FROM task GROUP BY 1, 2 ORDER BY max(id) DESC")
        )
    return choose_names([(name, space, "") for name, space in rows], prefix)


def choose_names(tasks: Sequence[tuple[str, str, str]], prefix: str) -> dict[str, str]:
    """Return the names to offer for tasks, each given as name, namespace and what to tell.

    Short names until a dot is typed; full ones then, where two tasks share the short one, and where
    no short one begins as typed.
    """
    full = {f"{space}.{name}" if space else name: told for name, space, told in tasks}
    if "." in prefix:
        return full
    short = [name for name, _, _ in tasks]
    names = {
        (name if short.count(name) == 1 else f"{space}.{name}" if space else name): told
        for name, space, told in tasks
    }
    return names if any(name.startswith(prefix) for name in names) else full


def complete_statuses(prefix: str, **_: Any) -> list[str]:
    """Offer statuses, also behind a comma."""
    before = prefix[: prefix.rfind(",") + 1]
    given = before.split(",")
    return [before + name for name in (*map(str.lower, STATUSES), "cached") if name not in given]


def complete_times(**_: Any) -> dict[str, str]:
    """Offer what is said instead of a date."""
    return {"today": "", "yesterday": "", "1h": "an hour ago", "7d": "a week ago"}


def complete_tags(prefix: str, parsed_args: Namespace, **_: Any) -> dict[str, str]:
    """Offer the keys of tags, and behind ``key=`` the values that were given."""
    key, equals, _value = prefix.partition("=")
    with open_history(parsed_args) as database:
        if database is None:
            return {}
        if not equals:
            sql = (
                "SELECT key, count(*) FROM tag WHERE is_current GROUP BY key ORDER BY max(id) DESC"
            )
            return {f"{key}=": _count_tags(n) for key, n in _read(database, sql)}
        sql = (
            "SELECT value, count(*) FROM tag WHERE is_current AND key = ? GROUP BY value "
            "ORDER BY max(id) DESC LIMIT 50"
        )
        rows = list(_read(database, sql, key))
    return {f"{key}={_format_tag(value)}": _count_tags(n) for value, n in rows}


def _count_tags(n: int) -> str:
    return f"{n:,} tag{'s' if n > 1 else ''}"


def _format_tag(value: str) -> str:
    """Return a recorded tag value as it is typed: JSON, but plain text without quotes."""
    import json

    try:
        found = json.loads(value)
        if isinstance(found, str):
            try:
                json.loads(found)
            except ValueError:
                return found
    except ValueError:
        pass
    return value


# Ids.


def _bounds(prefix: str) -> tuple[bytes, bytes] | None:
    """Return the first and the last 20 bytes that begin with hex digits; None for other text."""
    digits = prefix.replace("-", "").lower()
    if len(digits) > 40 or not set(digits) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(digits.ljust(40, "0")), bytes.fromhex(digits.ljust(40, "f"))


def _shown(digest: bytes, prefix: str) -> str:
    """Return an id as short as it is printed, or as long as it was typed."""
    text = digest.hex()
    if "-" in prefix and len(digest) == 16:
        text = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return text if len(prefix) > ID_DIGITS else text[:ID_DIGITS]


def _list_executions(database: Database, prefix: str) -> dict[str, str]:
    bounds = _bounds(prefix)
    if bounds is None or len(prefix) > 36:
        return {}
    # Of few digits the index would give too many rows, to be sorted before the first is known.
    column = "uuid" if len(prefix) > 1 else "+uuid"
    rows = _read(
        database,
        "SELECT uuid, status, start_time, argv, root_task, lease FROM execution "
        f"WHERE {column} BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
        bounds[0][:16],
        bounds[1][:16],
        N_OFFERED,
    )
    return {
        _shown(uuid, prefix): _describe(
            _name_status(database, status, lease), start, _format_argv(argv) or root or ""
        )
        for uuid, status, start, argv, root, lease in rows
    }


def _list_jobs(database: Database, prefix: str) -> dict[str, str]:
    bounds = _bounds(prefix)
    if bounds is None or len(prefix) > 36:
        return {}
    # The salt is the first half of the id. It is not indexed: the newest are looked at first.
    rows = _read(
        database,
        "SELECT j.salt, e.uuid, j.kind, j.status, j.start_time, t.namespace, t.name, "
        "e.status, e.lease FROM job j CROSS JOIN execution e ON e.id = j.id >> ? "
        "CROSS JOIN task t ON t.id = j.task WHERE j.salt BETWEEN ? AND ? ORDER BY j.id DESC LIMIT ?",
        codes.SERIAL_BITS,
        bounds[0][:8],
        bounds[1][:8],
        N_OFFERED,
    )
    found = {}
    for salt, uuid, kind, status, start, space, name, of_run, lease in rows:
        if status == codes.RUNNING and _name_status(database, of_run, lease) != "RUNNING":
            status = codes.CANCELLED
        said = "CACHED" if kind and status == codes.DONE else STATUSES[status]
        task = f"{space}.{name}" if space else name
        found[_shown(salt + uuid[8:], prefix)] = _describe(said, start, task)
    return found


def _list_hashes(database: Database, prefix: str) -> dict[str, str]:
    """Return call nodes, tasks and values: the first kind that has some."""
    bounds = _bounds(prefix)
    if bounds is None:
        return {}
    for sql in (
        "SELECT c.call_hash, 'call of ' || t.name FROM call c CROSS JOIN task t ON t.id = c.task "
        "WHERE c.call_hash BETWEEN ? AND ? ORDER BY c.id DESC LIMIT ?",
        "SELECT hash, 'task ' || name FROM task WHERE hash BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
        "SELECT hash, 'value ' || coalesce(preview, type) FROM value WHERE hash BETWEEN ? AND ? "
        "ORDER BY id DESC LIMIT ?",
    ):
        rows = _read(database, sql, *bounds, N_OFFERED)
        found = {_shown(digest, prefix): cut(escape(told), LINE_WIDTH) for digest, told in rows}
        if found:
            return found
    return {}


STATUSES = ("RUNNING", "DONE", "FAILED", "CANCELLED")
"""By the numbers in `codes`."""


def _name_status(database: Database, status: int, lease: str | None) -> str:
    """Return an execution's status; one whose process is gone has failed."""
    if status == codes.RUNNING and not database.is_alive(lease):
        return STATUSES[codes.FAILED]
    return STATUSES[status]


def _describe(status: str, start_us: int, what: str) -> str:
    return cut(f"{status:<9} {_format_age(start_us):>8}  {escape(what)}", LINE_WIDTH)


def _format_argv(argv: str) -> str:
    import json

    return format_words([str(word) for word in json.loads(argv)])


def _format_age(start_us: int) -> str:
    """Return how long ago a moment was, in its largest unit."""
    age = max(0, int(time.time() - start_us / 1e6))
    for unit, seconds in (("d", 86400), ("h", 3600), ("min", 60)):
        if age >= seconds:
            return f"{age // seconds} {unit} ago"
    return f"{age} s ago"


COMPLETERS: dict[tuple[str, str], Completer] = {
    ("run", "file"): complete_workflows,
    ("run", "context"): complete_context,
    ("run", "executor"): complete_executors,
    ("run", "option"): complete_options,
    ("tasks", "file"): complete_workflows,
    ("log", "word"): complete_words,
    ("", "config"): complete_folders,
    ("", "task"): complete_tasks,
    ("", "tag"): complete_tags,
    ("", "EXEC"): complete_executions,
    ("", "FILE"): complete_files,
    ("", "FOLDER"): complete_folders,
    ("", "ID"): complete_ids,
    ("", "JOB"): complete_jobs,
    ("", "STATUS"): complete_statuses,
    ("", "TAG"): complete_tags,
    ("", "TIME"): complete_times,
}
"""By command and name of the option or word, by the name alone, or by what help shows for the value.
What parsers call ``choices`` completes by itself."""
