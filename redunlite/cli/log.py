"""`redunlite log`: what ran, what became of it, and where every value came from.

Decided here: whether words and filters ask for a page, a list of executions or a list of jobs, and
how filters are read. Not here: what a word names and which rows a filter lets through (`history`),
how a page looks (`cli.pages`, `display`). Nothing is created or changed; all is read before anything
is printed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from redunlite.cli.pager import write_page
from redunlite.cli.reading import View, add_format, check_format, read_text, tell_older
from redunlite.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from redunlite.cli.help import CommandParser
    from redunlite.history.listing import Filter
    from redunlite.history.query import History

DEFAULT_LIMIT = 20

DESCRIPTION = (
    "Without a word: a list of executions, newest first. With one: the page of what it names, "
    "which is looked for as a full id, the name of a task, the beginning of an id, and a path.\n\n"
    "Filters narrow the list; with an execution as the word they list its jobs, with --task or "
    "--jobs those of all executions. Times are 2026-11-24, '2026-11-24 12:57', today, yesterday, "
    "or ago: 30m, 2h, 3d."
)
EXAMPLES = (
    ("log", "the latest executions"),
    ("log -", "the latest one, with its jobs"),
    ("log 4b20320e", "what that id belongs to"),
    ("log main", "the versions of a task"),
    ("log --failed --since yesterday", "executions that failed"),
    ("log - --failed", "the failed jobs of the latest execution"),
    ("log --task main --limit 5", "the latest jobs of a task"),
    ("log --jobs --all --format csv", "all jobs ever, as a table"),
)


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command."""
    from redunlite.cli.parsers import read_count

    parser: CommandParser = commands.add_parser(
        "log", help="show what ran and where values came from", description=DESCRIPTION
    )
    parser.examples = EXAMPLES
    parser.add_argument(
        "word",
        nargs="?",
        metavar="WORD",
        help="an id or the beginning of one, a task's name, a file's path, "
        "- for the latest execution, ~2 for the one before",
    )
    parser.add_argument("--id", metavar="ID", help="take the word as an id, not as a task's name")
    filters = parser.add_argument_group("filters")
    filters.add_argument("--task", metavar="NAME", help="jobs of this task, short or full name")
    filters.add_argument(
        "--status",
        type=_read_statuses,
        metavar="STATUS",
        help="done, failed, running, cancelled, and of jobs cached; several with commas",
    )
    filters.add_argument("--failed", action="store_true", help="same as --status failed")
    filters.add_argument(
        "--since", type=_read_since, metavar="TIME", help="begun at this time or later"
    )
    filters.add_argument(
        "--until",
        type=_read_until,
        metavar="TIME",
        help="begun before this time; a day counts to its end",
    )
    filters.add_argument(
        "--tag",
        type=_read_tag,
        action="append",
        default=[],
        metavar="TAG",
        help="with this key or key=value; several times for several tags",
    )
    lists = parser.add_argument_group("lists")
    lists.add_argument("--jobs", action="store_true", help="list jobs, not executions")
    lists.add_argument(
        "--limit",
        type=read_count,
        metavar="N",
        help=f"as many at most (default: {DEFAULT_LIMIT}; of the jobs on the page of an "
        "execution 1000)",
    )
    lists.add_argument("--all", action="store_true", help="all of them")
    add_format(parser, quiet="ids only, one a line", verbose="whole ids and more facts")
    return parser


def _read_statuses(text: str) -> frozenset[str]:
    from redunlite.history.listing import JOB_STATUSES, SHOWN_STATUSES

    found = set()
    for word in text.split(","):
        status = word.strip().upper()
        status = SHOWN_STATUSES.get(status, status)
        if status not in JOB_STATUSES:
            known = ", ".join(JOB_STATUSES).lower()
            names = [*JOB_STATUSES, *map(str.lower, JOB_STATUSES)]
            raise UnknownNameError("status", word.strip(), names, "", f"there are {known}")
        found.add(status)
    return frozenset(found)


def _read_tag(text: str) -> tuple[str, str | None]:
    from redunlite.tags import encode_tag_value, parse_tag

    key, value = parse_tag(text)
    return key, encode_tag_value(value) if "=" in text else None


def _read_since(text: str, *, is_end: bool = False) -> int:
    import argparse

    from redunlite.cli.times import read_time

    try:
        return read_time(text, is_end=is_end)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {error}") from None


_read_until = partial(_read_since, is_end=True)


def run(args: argparse.Namespace) -> int:
    """Print the page or the list that was asked for."""
    if args.id is not None and args.word is not None:
        raise UsageError(f"log takes one word: {args.word!r} or --id {args.id!r}")
    check_format(args)
    if args.failed and args.status is not None:
        raise UsageError("--failed and --status exclude each other", "--status takes failed,done")
    if args.failed:
        args.status = frozenset(["FAILED"])
    if args.since is not None and args.until is not None and args.since >= args.until:
        raise UsageError("--since is not before --until")
    config = getattr(args, "config", None)
    text = read_text(config, lambda history: _make_text(history, args))
    if text is None:
        return _tell_empty(args)
    return write_page(text, args)


def _tell_empty(args: argparse.Namespace) -> int:
    word = args.word if args.id is None else args.id
    if word is not None or args.task is not None:
        what, name = ("id or task", word) if word is not None else ("task", args.task)
        raise UnknownNameError(what, name, hint="no executions are recorded here yet")
    kind = "job" if args.jobs else "execution"
    view = View(lambda: [f"No {kind}s yet"], list, list, kind)
    return write_page("" if args.quiet else view.render(args.format), args)


def _make_text(history: History, args: argparse.Namespace) -> str:
    from redunlite.history.records import EXECUTION, TASK

    word = args.word if args.id is None else args.id
    if word is None:
        if args.jobs or args.task is not None:
            return _list_jobs(history, args, _find_tasks(history, args.task), None)
        return _list_executions(history, args)
    found = history.find_records(word, only_ids=args.id is not None)
    match = found.matches[0]
    if args.jobs or _is_filtered(args):
        if match.kind == EXECUTION:
            return _list_jobs(history, args, _find_tasks(history, args.task), match.row)
        if match.kind == TASK and args.task is None:
            return _list_jobs(history, args, [task.row for task in found.matches], None)
        raise UsageError(
            f"{word!r} is a {match.kind}, which has no list to filter",
            "filters go with an execution, with a task, or without a word",
        )
    if args.quiet:
        return "".join(f"{match.id}\n" for match in found.matches)
    from redunlite.cli.pages import make_view

    view = make_view(history, found.matches, limit=args.limit, everything=args.all)
    text = view.render(args.format)
    if args.format == "text":
        text += tell_older(history, word, found)
    if found.n_others and args.format == "text":
        text += f"\n{found.n_others:,} ids begin with {word!r} too: redunlite log --id {word}\n"
    return text


def _is_filtered(args: argparse.Namespace) -> bool:
    given = (args.task, args.status, args.since, args.until)
    return bool(args.tag) or any(value is not None for value in given)


def _find_tasks(history: History, name: str | None) -> list[int] | None:
    """Return the row ids of the versions of a task; None for any task."""
    if name is None:
        return None
    matches = history.find_tasks_by_name(name)
    if not matches:
        raise UnknownNameError(
            "task", name, history.find_task_names(), "in this history", "redunlite log --jobs"
        )
    return [match.row for match in matches]


# Lists.


def _list_executions(history: History, args: argparse.Namespace) -> str:
    from redunlite.display import as_json, lists
    from redunlite.history.listing import EXECUTION_STATUSES, find_executions

    wanted = _make_filter(args)
    for status in sorted(wanted.statuses.difference(EXECUTION_STATUSES)):
        raise UsageError(f"no execution is {status}, only jobs are", "add --jobs to list those")
    executions, n_all = find_executions(history, wanted, _get_limit(args))
    if args.quiet:
        return "".join(f"{execution.uuid}\n" for execution in executions)
    told = _tell_filter(args)

    def make_lines() -> Iterator[str]:
        if not executions:
            yield lists.format_none("executions", told)
            return
        yield lists.format_head("Executions" if told else "Recent executions", told)
        yield ""
        yield from lists.format_executions(executions, verbose=args.verbose)
        yield from lists.format_more(n_all - len(executions), _repeat(args))

    def make_rows() -> list[Any]:
        return list(map(as_json.make_execution, executions))

    return View(make_lines, make_rows, make_rows, "execution").render(args.format)


def _list_jobs(
    history: History, args: argparse.Namespace, tasks: Sequence[int] | None, execution: int | None
) -> str:
    from redunlite.display import as_json, lists
    from redunlite.history.listing import count_jobs, iter_jobs

    wanted = _make_filter(args, tasks, execution)
    limit = _get_limit(args)
    batches = iter_jobs(history, wanted, limit, arguments=not args.quiet)
    if args.quiet:
        return "".join(f"{job.uuid}\n" for jobs in batches for job in jobs)
    told = _tell_filter(args, history, tasks, execution)

    def make_lines() -> Iterator[str]:
        n_shown = 0
        for jobs in batches:
            if not n_shown:
                yield lists.format_head("Jobs", told)
                yield ""
            n_shown += len(jobs)
            executions = [history.get_execution(job.execution) for job in jobs]
            jobs = history.add_errors(jobs)
            yield from lists.format_jobs(jobs, executions, verbose=args.verbose)
        if not n_shown:
            yield lists.format_none("jobs", told)
        elif n_shown == limit:
            n_all = count_jobs(history, wanted)
            n_more = None if n_all is None else n_all - n_shown
            yield from lists.format_more(n_more, _repeat(args))

    def make_rows() -> Iterable[dict[str, Any]]:
        for jobs in batches:
            yield from as_json.make_jobs(history, jobs)

    return View(make_lines, lambda: list(make_rows()), make_rows, "job").render(args.format)


def _make_filter(
    args: argparse.Namespace, tasks: Sequence[int] | None = None, execution: int | None = None
) -> Filter:
    from redunlite.history.listing import Filter

    statuses = args.status or frozenset()
    return Filter(statuses, tasks, args.since, args.until, execution, tuple(args.tag))


def _get_limit(args: argparse.Namespace) -> int | None:
    return None if args.all else args.limit or DEFAULT_LIMIT


def _tell_filter(
    args: argparse.Namespace,
    history: History | None = None,
    tasks: Sequence[int] | None = None,
    execution: int | None = None,
) -> list[str]:
    """Return what a list is narrowed to, as its head tells it."""
    from redunlite.display.tree import ID_WIDTH, format_time

    told = []
    if history is not None and execution is not None:
        told.append(f"Exec {history.get_execution(execution).uuid[:ID_WIDTH]}")
    if history is not None and tasks is not None:
        names = {history.get_task(task).fullname for task in tasks}
        told.append(" or ".join(sorted(names)))
    if args.status is not None:
        told.append(" or ".join(sorted(args.status)))
    told += [_format_tag(tag) for tag in args.tag]
    times = (("since", args.since), ("until", args.until))
    return told + [f"{name} {format_time(time)}" for name, time in times if time is not None]


def _format_tag(tag: tuple[str, str | None]) -> str:
    import json

    from redunlite.tags import format_tag

    key, value = tag
    return key if value is None else format_tag(key, json.loads(value))


def _repeat(args: argparse.Namespace) -> str:
    """Return the command that lists what this one lists, without a limit."""
    from redunlite.display.text import format_command
    from redunlite.display.tree import format_time

    words = ["log"]
    if args.word is not None:
        words.append(args.word)
    for name in ("config", "id", "task"):
        value = getattr(args, name, None)
        if value is not None:
            words += [f"--{name}", value]
    if args.status is not None:
        words += ["--status", ",".join(sorted(args.status)).lower()]
    for name in ("since", "until"):
        if getattr(args, name) is not None:
            words += [f"--{name}", format_time(getattr(args, name))]
    for tag in args.tag:
        words += ["--tag", _format_tag(tag)]
    if args.jobs:
        words.append("--jobs")
    return format_command([*words, "--all"])
