# PYTHON_ARGCOMPLETE_OK
"""The command `redunlite`: which commands there are, and what happens to whatever goes wrong.

Decided here: the words before a command's name, the dispatch, and the exit codes. Not here: what a
command does (one file each, with `add_parser` beside `run`). No state.

Only what the asked command needs is imported, and `run` never makes an argparse parser: its words
are read by `cli.arguments`, because a task's options come from its signature.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from redunlite.cli import common
from redunlite.display.style import AUTO, NEVER, WHEN
from redunlite.errors import (
    ConfigError,
    Interrupted,
    RedunliteError,
    UnknownNameError,
    UsageError,
    find_nearest,
    show_word,
)

if TYPE_CHECKING:
    from redunlite.cli.help import CommandParser

COMMANDS = ("run", "log", "show", "tag", "tasks", "info", "init", "completion", "help")

DESCRIPTION = (
    "Run Python functions as a workflow: in parallel, cached, and with a record of where "
    "everything came from."
)
EXAMPLES = (
    ("run workflow.py main --n 3", "run a task of a file"),
    ("run workflow.py help", "list the tasks of a file"),
    ("run workflow.py main help", "show the options of a task"),
    ("log", "list what ran"),
    ("log ID", "tell about one thing"),
    ("show ID", "show a recorded value"),
)
HELP_EXAMPLES = (
    ("help log", "the same as redunlite log --help"),
    ("help run workflow.py main", "the options of a task"),
)


class Settings(NamedTuple):
    """What was said before the command's name."""

    config: str | None = None
    debug: bool = False
    color: str = AUTO
    """One of `style.WHEN`."""
    setup: tuple[str, ...] = ()
    setup_help: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv
        The words after the program's name; default, those of this process.
    """
    if "_ARGCOMPLETE" in os.environ:
        from redunlite.cli import finder

        finder.answer(make_parser, _read_settings)
    common.open_missing_descriptors()
    common.set_up_streams()
    common.choose_colors(AUTO)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(words)
        return common.flush_output() or code
    except Interrupted as interrupted:
        return common.die_by_signal(interrupted.signal_number)
    except KeyboardInterrupt:
        import signal

        return common.die_by_signal(signal.SIGINT)
    except BrokenPipeError:
        common.abandon(sys.stdout)
        return common.DONE
    except (RedunliteError, OSError) as error:
        told = error if isinstance(error, RedunliteError) else _explain(error)
        if told is None:
            raise
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        common.flush_output()
        return common.report_error(told)


def _explain(error: OSError) -> RedunliteError | None:
    """Return what to tell of an error that lies in the surroundings of the process, or None."""
    import errno

    if error.errno in (errno.EMFILE, errno.ENFILE):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return ConfigError(f"too many open files: the limit is {limit}, 'ulimit -n' raises it")
    if error.errno == errno.ENOENT and not error.filename:
        try:
            os.getcwd()
        except OSError:
            return ConfigError("the working folder does not exist any more")
    return None


def _dispatch(words: list[str]) -> int:
    settings, rest, wish = _read_settings(words)
    common.choose_colors(settings.color)
    if wish == "version":
        return common.write_output(_describe_version())
    if settings.setup_help and not rest:
        from redunlite.cli import run

        return run.run_words([], settings, argv=words)
    if wish == "help" or not rest:
        make_parser().print_help()
        return common.DONE
    command = rest[0]
    if settings.setup and command != "run":
        raise UsageError(f"--setup goes with 'run', not with {command!r}")
    if command not in COMMANDS:
        raise _unknown_command(command)
    if command == "help":
        return _help(rest[1:])
    if sys.platform == "win32":
        raise UsageError("redunlite does not run on Windows itself", "use it inside WSL")
    if command == "run" and not _asks_for_help(rest[1:]):
        from redunlite.cli import run

        return run.run_words(rest[1:], settings, argv=words)
    args = make_parser(command).parse_args(rest)
    for name, value in settings._asdict().items():
        if not hasattr(args, name):
            setattr(args, name, value)
    module = _import_command(command)
    code: int = module.run(args)
    return code


def _read_settings(words: Sequence[str]) -> tuple[Settings, list[str], str]:
    """Return what the words before the command say, the rest, and ``help`` or ``version``."""
    settings = Settings()
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name in ("-h", "--help"):
            return settings, rest, "help"
        if name in ("-V", "--version"):
            return settings, rest, "version"
        if name == "--debug":
            settings = settings._replace(debug=True)
        elif name in ("--no-color", "--no_color"):
            settings = settings._replace(color=NEVER)
        elif name == "--color":
            settings = settings._replace(color=read_when(value if equals else "".join(rest[:1])))
            del rest[: not equals]
        elif name == "--setup-help":
            settings = settings._replace(setup_help=True)
        elif name in ("-s", "--setup"):
            if not equals and not rest:
                raise UsageError(f"option {name} needs name=value")
            settings = settings._replace(setup=(*settings.setup, value if equals else rest.pop(0)))
        elif name in ("-c", "--config"):
            value = value if equals else rest.pop(0) if rest else ""
            if not value:
                raise UsageError(f"option {name} needs a folder")
            settings = settings._replace(config=value)
        elif word.startswith("-c"):
            settings = settings._replace(config=word[2:])
        else:
            known = [
                "--setup",
                "--setup-help",
                "--help",
                "--version",
                "--config",
                "--debug",
                "--color",
                "--no-color",
            ]
            instead = common.REDUN_OPTIONS.get(name)
            hint = instead or "'redunlite help' lists them"
            raise UnknownNameError("option", name, () if instead else known, "", hint)
    return settings, rest, ""


def read_when(text: str) -> str:
    """Return when text is painted. Raises UsageError for what is none of `style.WHEN`."""
    if text in WHEN:
        return text
    if not text:
        raise UsageError("option --color needs a value", f"it is {', '.join(WHEN)}")
    nearest = find_nearest(text, WHEN)
    raise UsageError(
        f"option --color got {show_word(text)}, expected one of {', '.join(WHEN)}",
        f"did you mean {nearest!r}?" if nearest else "",
    )


def _unknown_command(word: str) -> UsageError:
    if word.endswith(".py"):
        return UsageError(f"unknown command {word!r}", f"to run a workflow: redunlite run {word}")
    return UnknownNameError("command", word, COMMANDS, "", f"commands are {', '.join(COMMANDS)}")


def _asks_for_help(words: Sequence[str]) -> bool:
    """Tell whether `run` itself is asked about: before any file is named."""
    for word in words:
        if not word.startswith("-") or word == "--":
            return False
        if word in ("-h", "--help"):
            return True
    return False


def _help(words: Sequence[str]) -> int:
    """Show the help of a command: `help COMMAND` is `COMMAND --help`."""
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        make_parser().print_help()
        return common.DONE
    if words[0] in ("-h", "--help"):
        words = ["help"]
    if words[0] not in COMMANDS:
        raise _unknown_command(words[0])
    if words[0] == "run" and len(words) > 1:
        from redunlite.cli import run

        return run.run_words([*words[1:], "help"], Settings(), argv=["help", *words])
    make_parser(words[0]).parse_args([words[0], "--help"])
    return common.DONE


def make_parser(command: str = "") -> CommandParser:
    """Return the parser of one command, or of all."""
    from redunlite.cli.help import CommandParser
    from redunlite.cli.parsers import add_global_options

    parser = CommandParser(
        prog=common.PROGRAM,
        usage=f"{common.PROGRAM} [options] COMMAND ...",
        description=DESCRIPTION,
    )
    parser.examples = EXAMPLES
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", prog=common.PROGRAM
    )
    add_global_options(parser)
    for name in (command,) if command else COMMANDS:
        if name == "help":
            added = commands.add_parser(
                "help", help="show help", description="Show the help of a command or of a task."
            )
            added.examples = HELP_EXAMPLES
            added.add_argument("words", nargs="*", metavar="COMMAND", help="what to tell about")
        else:
            added = _import_command(name).add_parser(commands)
        add_global_options(added)
    return parser


def _import_command(name: str):  # type: ignore[no-untyped-def]
    import importlib

    return importlib.import_module(f"redunlite.cli.{name}")


def _describe_version() -> str:
    import sqlite3

    import redunlite

    python = ".".join(str(n) for n in sys.version_info[:3])
    return f"redunlite {redunlite.__version__} (Python {python}, SQLite {sqlite3.sqlite_version})\n"
