"""Options of the command line made from a task's signature, and the reading of words by them.

Decided here: what each parameter's option is called, which texts each annotation takes, and how a
line of words becomes values. Not here: which task is meant (`cli.run`). Pure: nothing is printed,
loaded or kept.

One annotation is one `Reader`; a new type is one more branch in `make_reader`.

>>> def double(n: int, fast: bool = False): ...
>>> options = make_options(double)
>>> parse_words(options, ["--n", "3", "--fast"], "task 'double'").values
{'n': 3, 'fast': True}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from redunlite.errors import UnknownNameError, UsageError
from redunlite.signature import (
    MISSING,
    POSITIONAL_ONLY,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    Parameters,
)

BOOL_WORDS = {"true": True, "false": False}
NONE_WORD = "None"


class Reader(NamedTuple):
    """How texts of one type become values."""

    read: Callable[[str], Any]
    """Returns the value; raises `ValueError` with what was expected."""
    name: str = ""
    """The type as help shows it; empty for text."""
    choices: tuple[str, ...] = ()
    """All texts that are taken, when they can be listed."""
    is_bool: bool = False
    """Takes ``--flag``, ``--no-flag``, ``--flag true`` and ``--flag false``."""
    is_list: bool = False
    """Takes several values, repeated options and JSON; `read` reads one member."""
    takes_none: bool = False
    """Takes the word ``None``."""
    takes_one: bool = False
    """Of a list: one word each time the option is given."""


class Option(NamedTuple):
    """One option."""

    name: str
    """The parameter's name, or the name of the setting."""
    flag: str
    """As it is offered, such as ``--greet``."""
    reader: Reader | None
    """None for a switch that takes no value."""
    default: Any = MISSING
    spellings: tuple[str, ...] = ()
    """Further spellings that are taken, such as ``-v``."""
    meaning: str = ""
    """One line for help."""
    is_positional_only: bool = False

    @property
    def is_required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING and self.reader is not None

    @property
    def negated(self) -> str:
        """``--no-flag``, or an empty string where there is none."""
        is_bool = self.reader is not None and self.reader.is_bool
        return f"--no-{self.flag[2:]}" if is_bool else ""


class Parsed(NamedTuple):
    """What a line of words says."""

    values: dict[str, Any]
    """By name, of the options that were given; a switch is True."""
    words: list[str]
    """The words that are no options and no values of options."""
    rest: list[str]
    """What was left when the reading stopped."""


# Which options a task has.


def make_options(function: Callable[..., Any]) -> list[Option]:
    """Return the options for the parameters of `function`; none for ``*args`` and ``**kwargs``."""
    parameters = Parameters(function)
    hints = _find_hints(function)
    shown = [
        (name, kind, default)
        for name, kind, default in zip(parameters.names, parameters.kinds, parameters.defaults)
        if kind not in (VAR_POSITIONAL, VAR_KEYWORD)
    ]
    flags = make_flags([name for name, _, _ in shown])
    return [
        Option(
            name,
            flags[name],
            make_reader(hints.get(name, MISSING), name),
            default,
            tuple({f"--{name}", f"--{name.replace('_', '-')}"} - {flags[name]}),
            is_positional_only=kind == POSITIONAL_ONLY,
        )
        for name, kind, default in shown
    ]


def make_flags(names: Sequence[str]) -> dict[str, str]:
    """Return the flag of each parameter: small letters, dashes, without outer underscores."""
    short = {name: name.strip("_").lower().replace("_", "-") for name in names}
    taken = list(short.values())
    return {
        name: f"--{flag}" if flag and taken.count(flag) == 1 else f"--{name}"
        for name, flag in short.items()
    }


def _find_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of `function`, those written as text resolved in its module."""
    import typing

    try:
        return typing.get_type_hints(function)
    except Exception:  # an annotation is any expression of the user's
        pass
    found: dict[str, Any] = {}
    variables = getattr(function, "__globals__", {})
    for name, annotation in getattr(function, "__annotations__", {}).items():
        try:
            for _ in range(2):  # twice text when quoted under a future import
                if isinstance(annotation, str):
                    annotation = eval(annotation, variables)
        except Exception:  # one bad annotation must not take the others with it
            continue
        found[name] = annotation
    return found


# What each annotation takes.


def make_reader(annotation: Any, name: str) -> Reader:
    """Return how texts become values of the type `annotation`, for a parameter called `name`."""
    import typing

    if annotation is MISSING or annotation in (str, typing.Any, object):
        return Reader(str)
    simple = _SIMPLE.get(annotation) if isinstance(annotation, type) else None
    if simple is not None:
        return simple
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is list or origin is list:
        member = make_reader(members[0] if members else str, name)
        if member.is_list:
            return _unreadable(annotation, name)
        return _make_list(member)
    if origin is typing.Literal:
        return _make_literal(members)
    if origin is typing.Annotated:
        return make_reader(members[0], name)
    if _is_union(annotation, origin):
        return _make_optional(annotation, members, name)
    if origin is None and isinstance(annotation, type):
        return _make_from_class(annotation, name)
    return _unreadable(annotation, name)


def _read_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def _read_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _read_bool(text: str) -> bool:
    try:
        return BOOL_WORDS[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


_SIMPLE: dict[type, Reader] = {
    int: Reader(_read_int, "int"),
    float: Reader(_read_float, "float"),
    bool: Reader(_read_bool, "bool", is_bool=True),
}


def _make_list(member: Reader) -> Reader:
    def read(text: str) -> Any:
        return None if member.takes_none and text == NONE_WORD else member.read(text)

    name = f"list of {member.name or 'text'}"
    return member._replace(read=read, name=name, is_list=True, is_bool=False, takes_none=False)


def _make_literal(members: Sequence[Any]) -> Reader:
    values = {str(member): member for member in members}
    return _make_choice(values, takes_none=None in members)


def _make_choice(values: dict[str, Any], takes_none: bool = False) -> Reader:
    def read(text: str) -> Any:
        try:
            return values[text]
        except KeyError:
            raise ValueError(f"one of {', '.join(values)}") from None

    return Reader(read, "", tuple(values), takes_none=takes_none)


def _is_union(annotation: Any, origin: Any) -> bool:
    import types
    import typing

    return origin is typing.Union or isinstance(annotation, types.UnionType)


def _make_optional(annotation: Any, members: Sequence[Any], name: str) -> Reader:
    others = [member for member in members if member is not type(None)]
    if len(others) != 1 or len(others) == len(members):
        return _unreadable(annotation, name)
    return make_reader(others[0], name)._replace(takes_none=True)


def _make_from_class(cls: type, name: str) -> Reader:
    """Return the reader for an Enum, by member name, or for a class made from one text."""
    import enum

    if issubclass(cls, enum.Enum):
        reader = _make_choice(dict(cls.__members__))
        prefix = f"{cls.__name__}."
        return reader._replace(read=lambda text: reader.read(text.removeprefix(prefix)))
    if cls in (dict, tuple, set, frozenset, bytes, type(None)):
        return _unreadable(cls, name)

    make: Callable[[str], Any] = cls

    def read(text: str) -> Any:
        try:
            return make(text)
        except Exception as error:  # the class may be the user's
            raise ValueError(f"{cls.__name__} ({error})") from error

    return Reader(read, cls.__name__)


def _unreadable(annotation: Any, name: str) -> Reader:
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    shown = shown.replace("typing.", "")

    def refuse(text: str) -> Any:
        raise UsageError(
            f"parameter {name!r} has type {shown}, which cannot be given on the command line",
            "call the task from another one, or from a script with redunlite.run()",
        )

    return Reader(refuse, shown)


# Reading words.


def parse_words(
    options: Iterable[Option],
    words: Sequence[str],
    where: str,
    *,
    others: Iterable[Option] = (),
    stop_after: int | None = None,
    hint: str = "",
) -> Parsed:
    """Return what `words` say.

    Parameters
    ----------
    where
        For messages, such as ``"task 'main'"``.
    others
        Further options; what `options` claim is not theirs.
    stop_after
        Stop behind this many words that are no options.
    hint
        What to do about an unknown option that is like no other.

    Raises
    ------
    UnknownNameError
        For an unknown option, with the nearest.
    UsageError
        For a value that is missing or cannot be read.
    """
    spellings = {**_list_spellings(others), **_list_spellings(options)}
    values: dict[str, Any] = {}
    plain: list[str] = []
    rest = list(words)
    while rest and (stop_after is None or len(plain) < stop_after):
        word = rest.pop(0)
        if not _is_option(word):
            plain.append(word)
            continue
        spelling, equals, text = word.partition("=")
        found = _find_spelling(spellings, spelling)
        if found is None and word[1] != "-" and len(word) > 2:  # -vq, or -cFOLDER
            first = spellings.get(word[:2])
            if first is not None and first[0].reader is None:
                rest.insert(0, f"-{word[2:]}")
                found, spelling, equals = first, word[:2], ""
            elif first is not None:
                found, spelling, equals, text = first, word[:2], "=", word[2:]
        if found is None:
            raise UnknownNameError("option", spelling, spellings, f"for {where}", hint)
        option, is_negated = found
        given = [text] if equals else None
        values[option.name] = _take(option, spelling, is_negated, given, rest, spellings, values)
    return Parsed(values, plain, rest)


def _is_option(word: str) -> bool:
    """Tell whether a word is an option: not ``-``, and not a negative number."""
    if len(word) < 2 or word[0] != "-":
        return False
    return word.startswith("--") or not (word[1].isdigit() or word[1] == ".")


_Spellings = dict[str, tuple[Option, bool]]


def _list_spellings(options: Iterable[Option]) -> _Spellings:
    """Return the option of each spelling, and whether it is the negated one."""
    options = list(options)
    spellings: _Spellings = {}
    for option in options:
        spellings.setdefault(option.flag, (option, False))
    for option in options:
        for spelling in option.spellings:
            spellings.setdefault(spelling, (option, False))
        if option.negated:
            spellings.setdefault(option.negated, (option, True))
    return spellings


def _find_spelling(spellings: _Spellings, spelling: str) -> tuple[Option, bool] | None:
    found = spellings.get(spelling)
    if found is None and spelling.startswith("--"):
        found = spellings.get("--" + spelling[2:].replace("_", "-"))
    return found


def _take(
    option: Option,
    spelling: str,
    is_negated: bool,
    given: list[str] | None,
    rest: list[str],
    spellings: _Spellings,
    values: dict[str, Any],
) -> Any:
    """Return the value of an option that was met; takes what belongs to it from `rest`."""
    reader = option.reader
    if reader is None or is_negated:
        if given is not None:
            raise UsageError(f"option {spelling} takes no value, got {given[0]!r}")
        return not is_negated
    if reader.is_bool and given is None:
        is_value = bool(rest) and (
            rest[0].lower() in BOOL_WORDS or (reader.takes_none and rest[0] == NONE_WORD)
        )
        return _read(option, spelling, rest.pop(0)) if is_value else True
    if given is None:
        given = _take_texts(reader, rest, spellings)
    if not given:
        raise UsageError(f"option {spelling} needs a value")
    if not reader.is_list:
        return _read(option, spelling, given[0])
    if reader.takes_none and given == [NONE_WORD]:
        return None
    before = values.get(option.name) or []
    return [
        *before,
        *(member for text in given for member in _read_members(option, spelling, text)),
    ]


def _take_texts(reader: Reader, rest: list[str], spellings: _Spellings) -> list[str]:
    """Take the texts that follow an option: one, or for a list all up to the next option."""
    taken: list[str] = []
    is_greedy = reader.is_list and not reader.takes_one
    while rest and (is_greedy or not taken):
        word = rest[0]
        name = word.partition("=")[0]
        if word.startswith("-") and _find_spelling(spellings, name) is not None:
            break
        if taken and _is_option(word):
            break
        taken.append(rest.pop(0))
    return taken


def _read(option: Option, spelling: str, text: str) -> Any:
    reader = option.reader
    assert reader is not None
    if reader.takes_none and text == NONE_WORD and not reader.is_list:
        return None
    try:
        return reader.read(text)
    except ValueError as error:
        raise UsageError(
            f"option {spelling} got {text!r}, expected {error}",
            _describe_nearest(text, reader.choices),
        ) from None


def _describe_nearest(text: str, choices: Sequence[str]) -> str:
    if not choices:
        return ""
    from redunlite.errors import find_nearest

    nearest = find_nearest(text, choices)
    return f"did you mean {nearest!r}?" if nearest else ""


def _read_members(option: Option, spelling: str, text: str) -> list[Any]:
    """Return the members in one text: those of a JSON list, or the text as one member."""
    if text.lstrip().startswith("["):
        import json

        try:
            members = json.loads(text)
        except ValueError:
            members = None
        if isinstance(members, list):
            return [_read(option, spelling, _json_text(member)) for member in members]
    return [_read(option, spelling, text)]


def _json_text(member: Any) -> str:
    import json

    if isinstance(member, str):
        return member
    return NONE_WORD if member is None else json.dumps(member)


# Calling the task.


def check_required(
    options: Iterable[Option], values: Collection[str], where: str, hint: str
) -> None:
    """Raise `UsageError` naming the required options that were not given."""
    missing = [o.flag for o in options if o.is_required and o.name not in values]
    if missing:
        named = f"{', '.join(missing[:-1])} and {missing[-1]}" if missing[1:] else missing[0]
        raise UsageError(f"{where} needs {named}", hint)


def split_call(
    options: Iterable[Option], values: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments of a call with `values`."""
    args: list[Any] = []
    kwargs = dict(values)
    pending: list[Any] = []
    for option in options:
        if not option.is_positional_only:
            continue
        if option.name in kwargs:
            args += [*pending, kwargs.pop(option.name)]
            pending = []
        else:
            pending.append(option.default)
    return args, kwargs


def format_default(option: Option) -> str:
    """Return what help says about an option's value, such as ``int (default: 3)``."""
    reader = option.reader
    parts = [reader.name] if reader is not None and reader.name and not reader.is_bool else []
    if option.meaning:
        parts.append(option.meaning)
    if option.is_required:
        parts.append("(required)")
    elif reader is not None and option.default is not MISSING:
        parts.append(f"(default: {_format_value(option.default)})")
    return " ".join(parts)


def _format_value(value: Any) -> str:
    import enum
    import os

    if isinstance(value, enum.Enum):
        text = value.name
    elif isinstance(value, (str, os.PathLike)):
        text = str(value)
    else:
        text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
