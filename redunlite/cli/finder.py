"""What the shell is told when a person presses TAB.

Decided here: which command, word or option the cursor is at, and which options are worth offering
there. Everything follows from the parsers of the commands, and for `run` from the signature of the
task that is named, read from the text of its file. Not here: the values (`cli.completers`), the
shell's side (`cli.completion`).

One process answers one TAB and ends. The words come in the environment, the answer goes to
descriptor 8, both as argcomplete wants it. Whatever goes wrong, nothing is offered and nothing is
printed, but for what `_ARC_DEBUG` asks for. No state.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from argcomplete.completers import SuppressCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.lexers import split_line

from redunlite.cli import completers
from redunlite.display.text import cut, escape, measure, pad
from redunlite.errors import RedunliteError

if TYPE_CHECKING:
    from redunlite.outline import Outline, Parameter

HELP, INFO = "help", "info"
DESCRIPTION_WIDTH = 100
CHOICES_WIDTH = 40
"""Characters of a list of choices beyond which the annotation is shown instead."""

MakeParser = Callable[[str], argparse.ArgumentParser]
ReadSettings = Callable[[Sequence[str]], tuple[Any, list[str], str]]


def answer(make_parser: MakeParser, read_settings: ReadSettings) -> NoReturn:
    """Answer the shell that asked, and end this process.

    Parameters
    ----------
    make_parser
        Gives the parser of one command, or with an empty name that of all.
    read_settings
        Gives what stands before the command, the words from there on, and ``help`` or ``version``.
    """
    try:
        _correct_point()
        words, _ = _read_line()
        if words and _REDIRECTION.fullmatch(words[-1]):
            parser, is_task = _make_file_parser(), False
        else:
            parser, is_task = _find_parser(words, make_parser, read_settings)
        finder = Finder()
        finder.is_task = is_task
        finder(parser, exit_method=os._exit, default_completer=SuppressCompleter())
    except Exception:  # an answer that cannot be given is none; `_ARC_DEBUG` tells
        if "_ARC_DEBUG" in os.environ:
            import traceback

            traceback.print_exc()
    os._exit(1)


def _correct_point() -> None:
    """Count the cursor's place in characters, where bash counts bytes, and within the line."""
    line, point = os.environ["COMP_LINE"], int(os.environ["COMP_POINT"])
    if os.environ.get("_ARGCOMPLETE_SHELL") == "bash":
        point = len(os.fsdecode(os.fsencode(line)[:point]))
    os.environ["COMP_POINT"] = str(min(point, len(line)))


def _read_line() -> tuple[list[str], str]:
    """Return the whole words behind the program's name and before the cursor, and the begun one."""
    line, point = os.environ["COMP_LINE"], int(os.environ["COMP_POINT"])
    _, begun, _, words, _ = split_line(line, point)
    return words[int(os.environ["_ARGCOMPLETE"]) :], begun


_REDIRECTION = re.compile(r"\d*(>>?|>\||<)|&>>?")


def _make_file_parser() -> argparse.ArgumentParser:
    """Return a parser that takes files, for what stands behind a redirection."""
    parser = argparse.ArgumentParser(add_help=False)
    set_completer(parser.add_argument("words", nargs="*"), completers.complete_files)
    return parser


def _find_parser(
    words: Sequence[str], make_parser: MakeParser, read_settings: ReadSettings
) -> tuple[argparse.ArgumentParser, bool]:
    """Return the parser of what `words` say, and whether they name a task."""
    command = ""
    rest: list[str] = []
    try:
        _, rest, wish = read_settings(words)
        command = rest[0] if rest and not wish else ""
    except RedunliteError:
        pass  # `-c` whose folder is being typed
    parser = make_parser("" if command == "help" else command)
    is_task = False
    for name, inner in iter_parsers(parser):
        if name == "run" == command:
            is_task = _fill_run(inner, rest[1:])
        elif name == "help" == command:
            _fill_help(inner, parser, rest[1:])
        for action in inner._actions:
            give_completer(name, action)
    return parser, is_task


def iter_parsers(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a parser and those of its commands, each with the command's name."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for key, inner in action.choices.items():
                yield from iter_parsers(inner, name or key)


def give_completer(command: str, action: argparse.Action) -> None:
    """Attach what completes the value of an option or word, where it takes one."""
    action.type = None  # nothing needs to be read, and a value that is begun could not be
    if isinstance(action, argparse._HelpAction):
        action.help = "show help"
    if action.nargs == 0 or hasattr(action, "completer"):
        return
    if isinstance(action, argparse._SubParsersAction):
        return
    table = completers.COMPLETERS
    names = [(command, action.dest), ("", action.dest), ("", str(action.metavar))]
    found = next((table[name] for name in names if name in table), None)
    if action.choices is not None:
        default = str(action.default)
        found = completers.Choices(
            {c: "default" * (c == default) for c in map(str, action.choices)}
        )
    if found is not None:
        set_completer(action, found)


def set_completer(action: argparse.Action, completer: completers.Completer) -> None:
    """Attach what completes the value of an option or word, where argcomplete looks for it."""
    action.completer = completer  # type: ignore[attr-defined]


def _fill_help(
    parser: argparse.ArgumentParser, program: argparse.ArgumentParser, words: Sequence[str]
) -> None:
    """Let `help` take a command, and behind ``run`` a file and a task."""
    found: completers.Completer = completers.Choices({})
    if not words:
        (commands,) = (a for a in program._actions if isinstance(a, argparse._SubParsersAction))
        told = {choice.dest: choice.help or "" for choice in commands._choices_actions}
        found = completers.Choices(told)
    elif words[0] == "run" and len(words) <= 2:
        found = TaskNames(words[1]) if words[1:] else completers.complete_workflows
    for action in parser._actions:
        if action.dest == "words":
            set_completer(action, found)


# The command `run`.


class Head(NamedTuple):
    """What stands behind ``run`` so far."""

    file: str = ""
    task: str = ""
    rest: Sequence[str] = ()
    """What follows the task's name."""
    is_rerun: bool = False
    """Whether the second word is an id."""


def _read_head(words: Sequence[str]) -> Head:
    from redunlite.cli.arguments import parse_words
    from redunlite.cli.run import RUN_OPTIONS

    try:
        parsed = parse_words(RUN_OPTIONS, words, "'run'", stop_after=2)
    except RedunliteError:
        return Head()  # the value of an option is being typed
    file, task, *_ = [*parsed.words, "", ""]
    return Head(file, task, parsed.rest, bool(parsed.values.get("run.rerun")))


def _fill_run(parser: argparse.ArgumentParser, words: Sequence[str]) -> bool:
    """Add what the words of `run` ask for to its parser; tell whether they name a task."""
    head = _read_head(words)
    for action in parser._actions:
        if action.dest == "task":
            # An optional word would be taken for missing when an option comes before it.
            action.nargs = None
            found = completers.complete_ids if head.is_rerun else TaskNames(head.file)
            set_completer(action, found)
    if not head.task or head.task == HELP or head.is_rerun:
        return False
    outline = _find_task(head)
    if outline is None or head.rest[:1] in ([HELP], [INFO]):
        return False
    for action in [action for action in parser._actions if action.dest == "rerun"]:
        parser._remove_action(action)  # it stands before what it is about
        for spelling in action.option_strings:
            del parser._option_string_actions[spelling]
    add_task_options(parser, outline)
    if not head.rest:
        told = {HELP: "show the options of the task", INFO: "show its source and what is tracked"}
        set_completer(parser.add_argument("action"), completers.Choices(told))
    return True


def _list_tasks(file: str) -> list[Outline]:
    from redunlite.outline import read_module

    return read_module(os.path.expanduser(file)).list_tasks() if file else []


def _find_task(head: Head) -> Outline | None:
    from redunlite.outline import find_task

    try:
        return find_task(_list_tasks(head.file), head.task)
    except (OSError, SyntaxError, ValueError):
        return None


class TaskNames:
    """Offers the tasks of a file, and ``help``."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __call__(self, prefix: str, **_: Any) -> dict[str, str]:
        """Return names, each with the first line of the docstring."""
        tasks = [
            (task.name, task.namespace, escape(task.summary)) for task in _list_tasks(self._file)
        ]
        names = completers.choose_names(tasks, prefix)
        names.setdefault(HELP, "list the tasks of the file")
        return names


def add_task_options(parser: argparse.ArgumentParser, outline: Outline) -> None:
    """Add the options of a task to the parser of `run`, before whose own options they go."""
    from redunlite.cli.arguments import make_flags
    from redunlite.cli.docstrings import parse_docstring

    parser.conflict_handler = parser._optionals.conflict_handler = "resolve"
    parameters = outline.list_parameters()
    flags = make_flags([parameter.name for parameter in parameters])
    meanings = parse_docstring(outline.doc).parameters
    for parameter in parameters:
        spelled = (flags[parameter.name], *_list_spellings(parameter.name, flags[parameter.name]))
        _add_option(parser, parameter, spelled, parameter.name, meanings.get(parameter.name, ""))


def _add_option(
    parser: argparse.ArgumentParser,
    parameter: Parameter,
    spelled: Sequence[str],
    name: str,
    meaning: str,
) -> None:
    """Add the option of a parameter and those of its fields.

    Parameters
    ----------
    spelled
        The flag, then its other spellings.
    """
    from redunlite.cli.arguments import FIELD_MARK, make_flags

    flag, texts = spelled[0], parameter.texts
    told = _format_meaning(parameter, meaning).replace("%", "%%")
    action = parser.add_argument(
        *spelled,
        dest=f"task.{name}",
        action="append" if texts.is_list else "store",
        nargs="+" if texts.is_list else "?" if texts.is_bool else None,
        const="true" if texts.is_bool else None,
        required=parameter.default is None and not parameter.fields,
        help=told,
    )
    if texts.is_bool:
        set_completer(action, completers.Choices({"true": "", "false": ""}))
        negated = f"--no-{flag[2:]}"
        if negated not in parser._option_string_actions:
            parser.add_argument(negated, dest=f"task.no.{name}", action="store_true", help=told)
    elif texts.choices:
        set_completer(action, completers.Choices(dict.fromkeys(texts.choices, "")))
    elif texts.is_path:
        set_completer(action, completers.complete_files)
    flags = make_flags([field.name for field in parameter.fields])
    for field in parameter.fields:
        field_flag = f"{flag}.{flags[field.name][2:]}"
        others = [f"{flag}.{s[2:]}" for s in _list_spellings(field.name, flags[field.name])]
        inner = f"{name}{FIELD_MARK}{field.name}"
        _add_option(parser, field, (field_flag, *others), inner, "")


def _format_meaning(parameter: Parameter, meaning: str) -> str:
    """Return a line about an option, such as ``how often; int (default: 3)``."""
    texts = parameter.texts
    choices = "|".join(texts.choices)
    shown = choices if 0 < len(choices) <= CHOICES_WIDTH else texts.type
    words = ["; ".join(filter(None, [meaning.rstrip("."), shown]))]
    if parameter.fields:
        words.append("as JSON, @FILE, or by its fields")
    elif parameter.default is None:
        words.append("(required)")
    elif parameter.default:
        words.append(f"(default: {parameter.default})")
    return cut(escape(" ".join(filter(None, words))), DESCRIPTION_WIDTH)


def _list_spellings(name: str, flag: str) -> list[str]:
    """Return the spellings that are taken beside the flag, with underscores."""
    bare = {name, name.replace("_", "-"), flag[2:].replace("-", "_")}
    return sorted({f"--{spelling}" for spelling in bare} - {flag})


# The answer.


class Finder(CompletionFinder):
    """Chooses among all that fits what a person would want to see."""

    is_task = False
    """Whether the words name a task, whose options go before those of `run`."""

    def collect_completions(
        self,
        active_parsers: list[argparse.ArgumentParser],
        parsed_args: argparse.Namespace,
        cword_prefix: str,
    ) -> list[str]:
        """Return values, then options; without a letter, options where they are what is left."""
        self.always_complete_options = False
        found = super().collect_completions(active_parsers, parsed_args, cword_prefix)
        if not cword_prefix and (self.is_task or not found):
            self.always_complete_options = True
            found += super().collect_completions(active_parsers, parsed_args, cword_prefix)
        parser = active_parsers[-1]
        worth = [word for word in found if self._is_worth(parser, word, cword_prefix)]
        for word in worth:
            if self._display_completions.get(word) is None:
                value = word.partition("=")[2]
                self._display_completions[word] = self._display_completions.get(value) or ""
        actions = parser._option_string_actions
        return sorted(worth, key=lambda word: _rank(word, actions.get(word)))

    def _is_worth(self, parser: argparse.ArgumentParser, word: str, prefix: str) -> bool:
        """Tell whether to offer a word; an option in one spelling and once."""
        action = parser._option_string_actions.get(word)
        if action is None:
            return word.isprintable()
        if self.is_task and not prefix and not _is_of_task(action):
            return False
        seen: set[argparse.Action] = getattr(parser, "_seen_non_default_actions", set())
        if not isinstance(action, argparse._AppendAction):
            name = _name_parameter(action)
            if action in seen or any(name == _name_parameter(other) for other in seen):
                return False
        shown = [flag for flag in action.option_strings if flag.startswith("--")]
        if _is_of_task(action):
            shown = shown[:1]
        if word in shown or not shown:
            return True
        return word == prefix if len(word) == 2 else "_" in prefix

    def quote_completions(
        self, completions: list[str], cword_prequote: str, last_wordbreak_pos: int | None
    ) -> list[str]:
        """Return words as the shell takes them; where bash only lists them, with a line about each."""
        quoted = super().quote_completions(completions, cword_prequote, last_wordbreak_pos)
        if os.environ.get("_ARGCOMPLETE_SHELL") != "bash" or len(quoted) < 2:
            return quoted
        told = [self._display_completions.get(word) or "" for word in completions]
        if os.environ.get("COMP_TYPE") not in _LISTING or not any(told):
            return quoted
        columns = find_width()
        left = max(map(measure, quoted)) + 2
        lines = [
            f"{pad(w, left)}{cut(t, max(columns - left - 1, 20))}" for w, t in zip(quoted, told)
        ]
        # Half a line each, and bash shows one column.
        return [pad(line, columns // 2) for line in lines]


_LISTING = tuple(str(ord(kind)) for kind in "?!@")
"""What `COMP_TYPE` is when bash shows all words, and inserts no more than their common beginning."""


def _is_of_task(action: argparse.Action) -> bool:
    return action.dest.startswith("task.")


def _name_parameter(action: argparse.Action) -> str:
    """Return what an option is about; ``--no-flag`` is about the same as ``--flag``."""
    return action.dest.replace("task.no.", "task.", 1)


def _rank(word: str, action: argparse.Action | None) -> int:
    """Return the place of a word: values, the task's options, what tells about it, other options."""
    if action is None:
        return 3 if word in (HELP, INFO) else 0
    if _is_of_task(action):
        return 1 if action.required else 2
    return 4


def find_width() -> int:
    """Return the columns of the terminal that the shell runs on; the standard streams are not."""
    try:
        descriptor = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return 80
    try:
        return os.get_terminal_size(descriptor).columns or 80
    except OSError:
        return 80
    finally:
        os.close(descriptor)
