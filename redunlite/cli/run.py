"""`redunlite run FILE TASK`: run a task, or tell about the tasks of a file.

Decided here: which task the words mean, the options of `run` itself, and how a result reaches
standard output. Not here: how words become arguments (`cli.arguments`), what a run is (`session`).
Listing, help, info and errors create nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from redunlite.cli import common
from redunlite.cli.arguments import (
    Option,
    check_required,
    collect_words,
    join_fields,
    make_options,
    parse_words,
    split_call,
)
from redunlite.cli.readers import Reader, read_pairs
from redunlite.display.style import AUTO, NEVER, WHEN
from redunlite.display.text import quote
from redunlite.errors import (
    DryRunResult,
    UndecodableError,
    UnknownNameError,
    UsageError,
    shorten,
    show_word,
)
from redunlite.namespace import normalize_name
from redunlite.tags import parse_tag

if TYPE_CHECKING:
    from types import ModuleType

    from redunlite.cli import Settings
    from redunlite.cli.help import CommandParser
    from redunlite.config import Config
    from redunlite.display.live import ConsoleReporter
    from redunlite.history.values import RecordedCall
    from redunlite.task import Task

HELP, INFO = "help", "info"


def _read_when(text: str) -> str:
    if text not in WHEN:
        raise ValueError(f"one of {', '.join(WHEN)}")
    return text


def _read_workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number, 1 or more")
    return int(text)


_TEXT = Reader(str)
_OWN = "run."
"""Before the names of `run`'s own options, which share a dict with a task's parameters."""

RUN_OPTIONS: tuple[Option, ...] = (
    Option("run.dry_run", "--dry-run", None, None, ("-n", "--dryrun"), "tell what would run; write nothing"),
    Option("run.no_cache", "--no-cache", None, None, (), "use no result of an earlier execution"),
    Option("run.fail_fast", "--fail-fast", None, None, (), "end all other jobs when one fails"),
    Option(
        "run.keep_going", "--keep-going", None, None, (),
        "go on with what does not depend on a failed job",
    ),
    Option("run.workers", "--workers", Reader(_read_workers, "N"), None, (), "jobs at one time"),
    Option("run.executor", "--executor", _TEXT, None, (), "executor of tasks that name none"),
    Option(
        "run.setup", "--setup", Reader(str, "NAME=VALUE", is_list=True, takes_one=True), None, ("-s",),
        "argument of the function that makes the scheduler",
    ),
    Option("run.setup_help", "--setup-help", None, None, (), "show what --setup takes"),
    Option(
        "run.context", "--context", Reader(str, "KEY=VALUE", is_list=True, takes_one=True), None, (),
        "set a context variable, such as machine.memory=4",
    ),
    Option("run.context_file", "--context-file", Reader(str, "FILE"), None, (), "JSON file of context variables"),
    Option(
        "run.option", "--option", Reader(str, "NAME=VALUE", is_list=True, takes_one=True), None, ("-o",),
        "set a task option of TASK, such as memory=4",
    ),
    Option(
        "run.rerun", "--rerun", None, None, (),
        "instead of TASK, the id of a job or an execution: call its task with its arguments again",
    ),
    Option(
        "run.tag", "--tag", Reader(str, "KEY=VALUE", is_list=True, takes_one=True), None, ("-t",),
        "tag the execution",
    ),
    Option("run.verbose", "--verbose", None, None, ("-v",), "every job line, and what jobs print"),
    Option("run.quiet", "--quiet", None, None, ("-q",), "failures and the result only"),
    Option("run.help", "--help", None, None, ("-h",), "show help"),
    Option("run.config", "--config", _TEXT, None, ("-c",), "folder with configuration and database"),
    Option("run.debug", "--debug", None, None, (), "show all frames of tracebacks"),
    Option(
        "run.color", "--color", Reader(_read_when, "WHEN", WHEN), None, (),
        "colours: auto (default; on a terminal), always or never",
    ),
    Option("run.no_color", "--no-color", None, None, (), "same as --color never"),
)  # fmt: skip

EXAMPLES = (
    ("run workflow.py main --n 3", "run a task"),
    ("run workflow.py help", "list the tasks of a file"),
    ("run workflow.py main help", "show the options of a task"),
    ("run workflow.py main info", "show its source, and what its hash covers"),
    ("run -n workflow.py main", "tell what would run"),
)

GLOBAL_NAMES = ("run.config", "run.debug", "run.color", "run.no_color")


class RunSettings(NamedTuple):
    """What `run`'s own options say."""

    dry_run: bool = False
    no_cache: bool = False
    fail_fast: bool = False
    keep_going: bool = False
    workers: int | None = None
    executor: str | None = None
    setup: Sequence[str] = ()
    setup_help: bool = False
    rerun: bool = False
    tag: Sequence[str] = ()
    context: Sequence[str] = ()
    context_file: str | None = None
    option: Sequence[str] = ()
    verbose: bool = False
    quiet: bool = False
    help: bool = False
    config: str | None = None
    debug: bool = False
    color: str = AUTO
    no_color: bool = False


class Request(NamedTuple):
    """A task and what to do with it."""

    task: Task[..., Any]
    options: list[Option]
    """One for each parameter that can be set."""
    values: dict[str, Any]
    """Arguments that were given, by parameter name."""
    recorded: RecordedCall | None
    """The past call that they go on top of."""
    action: str
    """``help``, ``info``, or empty to run."""
    settings: RunSettings


def add_parser(commands: Any) -> CommandParser:
    """Add the parser of this command, which serves help and completion; `run_words` reads."""
    parser: CommandParser = commands.add_parser(
        "run",
        help="run a task of a workflow file",
        usage="redunlite run [options] FILE [TASK] [help | info | task options]",
        description="Run a task and print its result. 'redunlite run FILE help' lists the tasks; "
        "'redunlite run FILE TASK help' shows a task's options, which come after its name. "
        "The options below work there too, where the task has no parameter of that name.",
    )
    parser.examples = EXAMPLES
    parser.add_argument("file", metavar="FILE", help="workflow file")
    parser.add_argument("task", metavar="TASK", nargs="?", help="task, with or without namespace")
    for option in RUN_OPTIONS:
        if option.name in GLOBAL_NAMES or option.name == "run.help":
            continue
        # Another long spelling is taken, for those who come from redun, and not offered.
        flags = (*(s for s in option.spellings if s[:2] != "--"), option.flag)
        if option.reader is None:
            parser.add_argument(*flags, action="store_true", help=option.meaning)
        else:
            metavar = option.reader.name or "NAME"
            parser.add_argument(*flags, metavar=metavar, help=option.meaning)
    return parser


class Answer(NamedTuple):
    """What a command has to say when the user's code is done."""

    text: str
    """For standard output."""
    code: int = common.DONE
    """The exit code."""
    write: Callable[[str], int] = common.write_output
    """Writes the text, and returns an exit code for how that went."""


def run_words(words: Sequence[str], settings: Settings, *, argv: Sequence[str]) -> int:
    """Do what the words after ``run`` say; return the exit code.

    Parameters
    ----------
    argv
        The whole command line after the program's name, to be recorded.
    """
    with common.keeping_output():
        answer = _answer(words, settings, argv)
    return answer.write(answer.text) or answer.code


def _answer(words: Sequence[str], settings: Settings, argv: Sequence[str]) -> Answer:
    head = parse_words(
        RUN_OPTIONS, words, "'run'", stop_after=2, hint="a task's options come after its name"
    )
    own = _merge(RunSettings(**settings._asdict()), _own_values(head.values))
    if own.setup_help:
        from redunlite.cli.setup import format_setup_help

        config = _load_config(_make_reporter(own)[0], own)
        from redunlite.cli.pager import write_help

        return Answer(format_setup_help(config), write=write_help)
    if not head.words or not head.words[0]:
        raise UsageError("which workflow file?", "redunlite run FILE TASK")
    path, name = head.words[0], head.words[1] if head.words[1:] else ""
    if own.help and not head.words[1:]:
        name = HELP

    from redunlite import options
    from redunlite.loading import load_workflow

    options.use_folder(own.config)
    module = load_workflow(path)
    if own.rerun and (not name or name == HELP):
        raise UsageError("which job or execution?", f"redunlite run --rerun {quote(path)} ID")
    if not head.words[1:] and not name:
        common.print_error(f"which task of {path}?", f"redunlite run {quote(path)} TASK")
        return Answer(_list_tasks(module), common.USAGE)
    if name == HELP:
        if head.rest:
            raise UsageError(
                f"unexpected word {show_word(head.rest[0])} after 'help'",
                f"redunlite run {path} TASK help tells about one task",
            )
        from redunlite.cli.pager import write_info

        _make_reporter(own)[1].header(*_header_facts(own))
        return Answer(_list_tasks(module), write=write_info)
    recorded = None
    if own.rerun:
        recorded = _load_call(name, own.config)
        name = recorded.task
    request = _read_request(find_task(module, name, path), own, head.rest, path, recorded)
    if not request.action:
        return _run(request, path, argv)

    from redunlite.cli.pager import write_help, write_info
    from redunlite.cli.taskhelp import format_help, format_info

    _make_reporter(request.settings)[1].header(*_header_facts(request.settings))
    if request.action == HELP:
        return Answer(format_help(request.task, request.options), write=write_help)
    return Answer(format_info(request.task), write=write_info)


def _list_tasks(module: ModuleType) -> str:
    from redunlite.cli.taskhelp import format_listing

    return format_listing(iter_tasks(module))


def _own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `run`'s own options, without their mark."""
    return {name.removeprefix(_OWN): value for name, value in values.items()}


def _merge(settings: RunSettings, values: Mapping[str, Any]) -> RunSettings:
    """Return the settings with those behind the task's name on top; lists are put together."""
    merged: dict[str, Any] = {
        name: [*getattr(settings, name), *value] if isinstance(value, list) else value
        for name, value in values.items()
    }
    found = settings._replace(**merged)
    common.choose_colors(NEVER if found.no_color else found.color)
    return found


# Which task.


def iter_tasks(module: ModuleType) -> list[Task[..., Any]]:
    """Return the tasks of a workflow file, by name: those it defines, and those it imported.

    What is wrapped by another task (`wraps_task`) is left out.
    """
    from redunlite.task import Task, get_task_registry

    held = {
        id(value.base): value.base for value in vars(module).values() if isinstance(value, Task)
    }
    found = [task for task in get_task_registry() if task.module == module.__name__]
    own = set(map(id, found))
    found += [
        task for key, task in held.items() if key not in own and task.namespace != "redunlite"
    ]
    hidden = {id(task.wrapped_task) for task in found}
    return sorted((t for t in found if id(t) not in hidden), key=lambda task: task.fullname)


def find_task(module: ModuleType, name: str, path: str) -> Task[..., Any]:
    """Return the task of a workflow file that is called `name`, with or without namespace.

    The name may be spelled in any way that Python reads as the same. A dot before the name stands for no namespace; so a task is reached that is called ``help``.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    UsageError
        When several namespaces have one of that name.
    """
    from redunlite.task import get_task_registry

    tasks, name = iter_tasks(module), normalize_name(name)
    if name.startswith("."):  # without namespace, such as one called `help`
        tasks, name = [task for task in tasks if not task.namespace], name[1:]
    own = [task for task in tasks if task.name == name and task.module == module.__name__]
    if len(own) == 1:
        return own[0]
    exact = [task for task in tasks if task.fullname == name]
    exact = exact or list(get_task_registry().iter_named(name))
    if len(exact) == 1 and exact[0].namespace != "redunlite":
        return exact[0]
    short = own or exact or [task for task in tasks if task.name == name]
    if len(short) == 1:
        return short[0]
    if short:
        from redunlite.definitions import format_definition

        places = [f"{task.fullname} ({format_definition(task.func)})" for task in short]
        listed = ", ".join(places if exact else [task.fullname for task in short])
        raise UsageError(f"task {name!r} is ambiguous in {path}", f"it may be {listed}")
    names = [task.name for task in tasks] + [task.fullname for task in tasks]
    hint = f"redunlite run {path} help lists its tasks" if tasks else f"{path} has no tasks"
    raise UnknownNameError("task", name, names, f"in {path}", hint)


# What to do with it.


def _load_call(word: str, config: str | None) -> RecordedCall:
    """Return the recorded call of a job or an execution."""
    from redunlite.cli.reading import open_history
    from redunlite.config import resolve_folder
    from redunlite.history.values import load_call
    from redunlite.session import VALUES_NAME
    from redunlite.valuestore import ValueStore

    database = open_history(config)
    if database is None:
        raise UnknownNameError("id", word, hint="no executions are recorded here yet")
    store = ValueStore(os.path.join(resolve_folder(config) or "", VALUES_NAME))
    try:
        return load_call(database, store, word)
    except UndecodableError as error:
        raise UsageError(f"{word} cannot be run again: {error}") from error
    finally:
        database.close()


def _join_call(request: Request) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the call: those given, on top of those of a past call.

    Raises
    ------
    UsageError
        When the task has no parameter any more that the past call has a value for.
    """
    call, task = request.recorded, request.task
    if call is None:
        return split_call(request.options, request.values)
    from redunlite.signature import (
        MISSING,
        POSITIONAL_ONLY,
        POSITIONAL_OR_KEYWORD,
        VAR_KEYWORD,
        VAR_POSITIONAL,
    )

    parameters = task.parameters
    values = {argument.name: value for argument, value in call.arguments}
    for name in values:
        if name not in parameters.positions:
            raise UsageError(
                f"task {task.name!r} has no parameter {name!r} any more, which {call.id} was called with"
            )
    values.update(request.values)
    has_rest = any(
        kind == VAR_POSITIONAL and values.get(name)
        for name, kind in zip(parameters.names, parameters.kinds)
    )
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, kind, default in zip(parameters.names, parameters.kinds, parameters.defaults):
        if kind == POSITIONAL_ONLY or (has_rest and kind == POSITIONAL_OR_KEYWORD):
            value = values.get(name, default)
            args += [] if value is MISSING else [value]
        elif kind == VAR_POSITIONAL:
            args += values.get(name, ())
        elif kind == VAR_KEYWORD:
            kwargs.update(values.get(name, {}))
        elif name in values and not getattr(default, "redunlite_hidden", False):
            kwargs[name] = values[name]
    return args, kwargs


def _read_request(
    task: Task[..., Any],
    settings: RunSettings,
    words: Sequence[str],
    path: str,
    recorded: RecordedCall | None = None,
) -> Request:
    options = make_options(task.func, task.parameters)
    where = f"task {task.name!r}"
    hint = f"redunlite run {quote(path)} {task.name} help shows its options"
    others = [option for option in RUN_OPTIONS if option.name != "run.rerun"]
    parsed = collect_words(options, words, where, others=others, hint=hint)
    own = {option.name for option in RUN_OPTIONS}
    settings = _merge(settings, _own_values(parsed.convert(own)))
    action = HELP if settings.help else ""
    given = parsed.given.keys() - own
    if parsed.words:
        action, *more = parsed.words
        wrong = more[0] if action in (HELP, INFO) and more else action
        if more or action not in (HELP, INFO):
            example = next((o.flag for o in options if o.name not in given), "--NAME")
            raise UsageError(
                f"unexpected word {show_word(wrong)} for {where}",
                f"arguments are given by name: {example} {quote(shorten(wrong))}; {hint}",
            )
    values: dict[str, Any] = {}
    if not action:
        known = {argument.name for argument, _ in recorded.arguments} if recorded else set()
        check_required(options, given | known, where, hint)
        for one, other in (("fail_fast", "keep_going"), ("quiet", "verbose")):
            if getattr(settings, one) and getattr(settings, other):
                flags = f"--{one} and --{other}".replace("_", "-")
                raise UsageError(f"{flags} exclude each other")
        values = join_fields(options, parsed.convert(given))
    return Request(task, options, values, recorded, action, settings)


# Running it.


def _make_reporter(settings: RunSettings) -> tuple[str | None, ConsoleReporter]:
    """Return the folder in use, or None, and a reporter on standard error."""
    from redunlite.config import resolve_folder
    from redunlite.display.live import ConsoleReporter

    folder = resolve_folder(settings.config)
    program = common.PROGRAM
    if settings.config is not None:
        program += f" -c {quote(settings.config)}"
    reporter = ConsoleReporter(
        sys.stderr,
        verbose=settings.verbose,
        quiet=settings.quiet,
        debug=settings.debug,
        program=program,
        style=common.find_style(sys.stderr),
    )
    return folder, reporter


def _header_facts(settings: RunSettings) -> tuple[str, str]:
    """Return the version, and the folder in use or the one that a run would make."""
    import redunlite
    from redunlite.config import FOLDER_NAME, resolve_folder

    folder = resolve_folder(settings.config) or os.path.join(os.getcwd(), FOLDER_NAME)
    return redunlite.__version__, folder


def _run(request: Request, path: str, argv: Sequence[str]) -> Answer:
    settings = request.settings
    folder, reporter = _make_reporter(settings)
    config = _load_config(folder, settings)
    args, kwargs = _join_call(request)
    task = request.task
    if settings.option:
        options = read_pairs(settings.option, "-o")
        task = task.options(**options)
        if "executor" in options:
            _check_executor(options["executor"], config)
    context = _read_context(settings)
    tags = [parse_tag(text) for text in settings.tag]
    expression = task(*args, **kwargs)

    from redunlite.cli.setup import read_setup
    from redunlite.session import open_configured

    arguments = read_setup(config, settings.setup)
    reporter.header(*_header_facts(settings))
    for notice in config.notices:
        reporter.warning(notice)
    try:
        session = open_configured(
            config,
            arguments,
            folder=folder,
            reporter=reporter,
            workers=settings.workers,
            executor=settings.executor,
            read_only=settings.dry_run,
        )
        try:
            result = session.run(
                expression,
                argv=argv,
                cache=not settings.no_cache,
                dry_run=settings.dry_run,
                failure_policy=config.scheduler.on_failure,
                context=context,
                tags=tags,
            )
        finally:
            session.close()
    except DryRunResult:
        return Answer("")
    except BaseException:  # whatever the task raised, of which the reporter has told
        if reporter.status != "FAILED":
            raise
        return Answer("", common.FAILED)
    finally:
        reporter.close()
        _advise(reporter, settings)
    return _show_result(result)


def _advise(reporter: ConsoleReporter, settings: RunSettings) -> None:
    """Tell once how to get completion, to a person at a terminal."""
    from redunlite.display.style import has_cursor

    is_over = reporter.status in ("DONE", "FAILED")
    if is_over and not settings.dry_run and not settings.quiet and has_cursor(sys.stderr):
        from redunlite.cli.completion import advise_once

        advice = advise_once()
        if advice:
            reporter.warning(advice)


def _load_config(folder: str | None, settings: RunSettings) -> Config:
    """Return the configuration in force, with the flags on top.

    Raises
    ------
    UnknownNameError
        For an executor that is not configured.
    """
    from redunlite.config import load_config

    flags: dict[str, dict[str, Any]] = {}
    if settings.fail_fast or settings.keep_going:
        flags["scheduler"] = {"on_failure": "fail-fast" if settings.fail_fast else "keep-going"}
    config = load_config(folder, flags)
    if settings.executor is not None:
        _check_executor(settings.executor, config)
    return config


def _check_executor(name: str, config: Config) -> None:
    if name not in config.executors:
        known = f"executors are {', '.join(config.executors)}; redunlite.ini makes more"
        raise UnknownNameError("executor", name, config.executors, "", known)


def _read_context(settings: RunSettings) -> dict[str, Any]:
    """Return the context variables of the command line: those of the file, and single ones on top."""
    from redunlite.config import read_context
    from redunlite.nested import merge_dicts

    variables = read_pairs(settings.context, "--context", is_nested=True)
    if settings.context_file is None:
        return variables
    return merge_dicts(read_context(settings.context_file), variables)


def _show_result(result: Any) -> Answer:
    """Return a result as it is printed, nothing for None."""
    if result is None:
        return Answer("")
    from redunlite.display.result import format_result

    shown = format_result(result)
    if shown.trouble:
        common.print_note(f"some of the result cannot be shown: {shown.trouble}")
    return Answer(f"{shown.text}\n", write=common.write_value)
