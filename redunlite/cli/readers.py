"""How the words of a command line become values of a parameter's annotation.

Decided here: which texts and which JSON each annotation takes, and the order in which the members of
a union are tried: the most specific first, text last. Not here: which words belong to which option
(`cli.arguments`), what a file or standard input holds (`cli.sources`). No state.

One annotation is one `Reader`; a new type is one more branch in `make_reader`. A class of the user's
may offer ``parse_arg(cls, text)`` as a classmethod; it is called with the annotation and the word.

>>> read_words(make_reader(list[int]), ["1", "[2, 3]"])
[1, 2, 3]
>>> read_words(make_reader(dict[str, float]), ["a=1", "b=.5"])
{'a': 1.0, 'b': 0.5}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from redunlite.errors import UsageError, shorten, show_word
from redunlite.namespace import normalize_name
from redunlite.signature import MISSING

BOOL_WORDS = {"true": True, "false": False}
NONE_WORD = "None"

EXACT, NUMBER, MOMENT, MADE, TEXT, BYTES = range(6)
"""How specific a type is: the lower is tried first."""


class Json(NamedTuple):
    """What stands in a file or in standard input, decoded."""

    data: Any


Piece = str | Json
"""One word, or what it stands for."""


class Misfit(ValueError):
    """A text or JSON that is no value of the type.

    Parameters
    ----------
    expected
        What was expected.
    got
        The part that does not fit; None for all of it.
    path
        Where in the whole it is, such as ``[2].name``.
    """

    def __init__(self, expected: str, got: str | None = None, path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = got
        self.path = path


class Reader(NamedTuple):
    """How texts of one type become values."""

    read: Callable[[str], Any]
    """Returns the value of a word; raises `ValueError` with what was expected."""
    name: str = ""
    """The type as help shows it; empty for text."""
    choices: tuple[str, ...] = ()
    """All texts that are taken, when they can be listed."""
    is_bool: bool = False
    """Takes ``--flag``, ``--no-flag``, ``--flag true`` and ``--flag false``."""
    is_list: bool = False
    """Takes several words, and the option several times."""
    takes_none: bool = False
    """Takes the word ``None``."""
    takes_one: bool = False
    """Of a list: one word each time the option is given."""
    load: Callable[[Any], Any] | None = None
    """Returns the value of decoded JSON; None where its text is read."""
    gather: Callable[[Sequence[Piece]], Any] | None = None
    """Returns the value of several words; None where the value is the list of their values."""
    takes_json: bool = False
    """A file that is named holds JSON, not text."""
    is_raw: bool = False
    """A file that is named holds bytes, not text."""
    rank: int = MADE
    record: Record | None = None
    """For a class whose fields are options of their own."""
    refusal: str = ""
    """Why no text can be given; empty where one can."""


class Field(NamedTuple):
    """A field of a record."""

    name: str
    annotation: Any
    default: Any
    """`MISSING` for none, a `Factory` where it is made anew each time."""


class Factory(NamedTuple):
    """Makes a default. It is the user's, so it is called only when its value is wanted."""

    make: Callable[[], Any]


def get_default(default: Any) -> Any:
    """Return a default, made where a `Factory` makes it; `MISSING` when that fails."""
    if not isinstance(default, Factory):
        return default
    try:
        return default.make()
    except Exception:  # the user's; the class itself will tell when it is called
        return MISSING


class Record(NamedTuple):
    """A dataclass or a named tuple."""

    cls: type
    fields: tuple[Field, ...]

    def make(self, values: Mapping[str, Any]) -> Any:
        """Return an instance; `Misfit` with what its class has against that."""
        try:
            return self.cls(**values)
        except Exception as error:  # the class is the user's
            raise Misfit(f"{self.cls.__name__} ({_describe_error(error)})") from error

    def replace(self, instance: Any, values: Mapping[str, Any]) -> Any:
        """Return a copy of an instance with other values."""
        import dataclasses

        try:
            if isinstance(instance, tuple):
                return instance._replace(**values)  # type: ignore[attr-defined]
            return dataclasses.replace(instance, **values)
        except Exception as error:  # the class is the user's
            raise Misfit(f"{self.cls.__name__} ({_describe_error(error)})") from error


# From words to a value.


def read_words(reader: Reader, pieces: Sequence[Piece]) -> Any:
    """Return the value of all words that an option was given.

    Raises
    ------
    ValueError
        With what was expected; as `Misfit` it knows which part does not fit.
    """
    if reader.takes_none and list(pieces) in ([NONE_WORD], [Json(None)]):
        return None
    if not reader.is_list:
        return _read_piece(reader, pieces[0])
    if reader.gather is not None:
        return reader.gather(pieces)
    return [_read_piece(reader, piece) for piece in pieces]


def _read_piece(reader: Reader, piece: Piece) -> Any:
    if isinstance(piece, Json):
        return load(reader, piece.data)
    return None if reader.takes_none and piece == NONE_WORD else reader.read(piece)


def load(reader: Reader, data: Any) -> Any:
    """Return the value of decoded JSON."""
    if data is None and reader.takes_none:
        return None
    if reader.load is not None:
        return reader.load(data)
    if isinstance(data, str):
        return reader.read(data)
    if isinstance(data, (bool, int, float)):
        return reader.read(_to_json(data))
    raise Misfit(reader.name or "text")


def decode(text: str) -> Any:
    """Return decoded JSON.

    Raises
    ------
    Misfit
        With the place of what is wrong.
    """
    import json

    try:
        return json.loads(text, object_pairs_hook=_make_object)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Misfit(f"JSON ({place}: {error.msg[:1].lower()}{error.msg[1:]})") from None
    except RecursionError:
        raise Misfit("JSON that is nested less deeply") from None


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Misfit(f"each key once, but {twice!r} is there twice")
    return made


def read_setting(text: str) -> Any:
    """Return the value of a text that has no type of its own.

    What begins as a JSON list, object or text must be one; else the first of: nothing (None), int,
    float, ``true``, ``false``, ``null``, and the text itself.

    >>> [read_setting(text) for text in ("3", "1e3", "true", "null", "a b", '["a"]', '"3"', "")]
    [3, 1000.0, True, None, 'a b', ['a'], '3', None]
    """
    if text[:1] in ("[", "{", '"'):
        return decode(text)
    words = {"": None, "true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def read_pairs(words: Sequence[str], spelling: str, *, is_nested: bool = False) -> dict[str, Any]:
    """Return the settings in ``key=value`` words; see `read_setting`.

    Parameters
    ----------
    spelling
        The option, for messages.
    is_nested
        Whether dots in a key lead into dicts within dicts.

    Raises
    ------
    UsageError
        For a word that is no such pair, and a key that is set twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        path = key.split(".") if is_nested else [key]
        if not equals or not all(path):
            raise UsageError(f"option {spelling} got {show_piece(word)}, expected key=value")
        inside = found
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
            if not isinstance(inside, dict):
                break
        if not isinstance(inside, dict) or path[-1] in inside:
            raise UsageError(f"option {spelling} sets {shorten(key)!r} twice")
        try:
            inside[path[-1]] = read_setting(text)
        except Misfit as misfit:
            raise UsageError(
                f"option {spelling} got {show_piece(word)}, expected {misfit}",
                'a value that begins with [, { or " is JSON',
            ) from None
    return found


def _to_json(data: Any) -> str:
    import json

    return json.dumps(data)


def show_piece(piece: Piece) -> str:
    """Return a word as messages show it: quoted, escaped, and not too long."""
    return show_word(piece) if isinstance(piece, str) else shorten(_to_json(piece.data))


def _describe_error(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return shorten(lines[0], 200)


def _below(reader: Reader, data: Any, step: str) -> Any:
    """Return the value of a part of decoded JSON; what does not fit is named with its place."""
    try:
        return load(reader, data)
    except Misfit as misfit:
        got = show_piece(Json(data)) if misfit.got is None else misfit.got
        raise Misfit(misfit.expected, got, step + misfit.path) from misfit
    except ValueError as error:
        raise Misfit(str(error), show_piece(Json(data)), step) from error


# Which reader an annotation has.


def make_reader(annotation: Any, variables: Mapping[str, Any] | None = None) -> Reader:
    """Return how texts become values of the type `annotation`.

    Parameters
    ----------
    variables
        Of the workflow's module, in which functions are looked up by name.
    """
    import typing

    if annotation is MISSING or annotation in (typing.Any, object):
        return Reader(str, load=lambda data: data, rank=TEXT)
    own = _find_own(annotation)
    if own is not None:
        return own
    if annotation is None or annotation is type(None):
        return Reader(_read_none, "None", (NONE_WORD,), takes_none=True, rank=EXACT)
    simple = _get_simple(annotation)
    if simple is not None:
        return simple
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return make_reader(members[0], variables)
    if origin is typing.Literal:
        return _make_literal(members)
    if _is_union(annotation, origin):
        return _make_union(members, variables)
    inner = _unwrap(annotation)
    if inner is not MISSING:
        return make_reader(inner, variables)
    cls = origin if isinstance(origin, type) else annotation
    if not isinstance(cls, type):
        return _refuse(annotation)
    many = _make_container(cls, members, variables)
    if many is not None:
        return many
    return _make_from_class(cls, annotation, variables)


def _find_own(annotation: Any) -> Reader | None:
    """Return the reader of a class that reads texts itself, or for which another class does."""
    import typing

    cls = typing.get_origin(annotation) or annotation
    if not isinstance(cls, type):
        return None
    from redunlite import kinds
    from redunlite.hooks import has_own_parser

    handler = kinds.find_handler(cls)
    parse: Any = None if handler is None else handler.parse
    if parse is None and has_own_parser(cls):
        parse = cls.parse_arg  # type: ignore[attr-defined]
    return None if parse is None else _make_made(cls, lambda text: parse(annotation, text))


def _unwrap(annotation: Any) -> Any:
    """Return what a new type, an alias or a type variable stands for; else `MISSING`."""
    import typing

    if _is_init_only(annotation):
        return getattr(annotation, "type", typing.Any)
    if hasattr(annotation, "__supertype__"):
        return annotation.__supertype__
    if typing.get_origin(annotation) is typing.Final:
        return typing.get_args(annotation)[0]
    if str(annotation).endswith("LiteralString"):  # younger than Python 3.10
        return str
    if isinstance(annotation, typing.TypeVar):
        if annotation.__constraints__:
            return typing.Union[annotation.__constraints__]  # noqa: UP007
        return annotation.__bound__ or str
    if type(annotation).__name__ == "TypeAliasType":
        return annotation.__value__
    return MISSING


def _is_union(annotation: Any, origin: Any) -> bool:
    import types
    import typing

    return origin is typing.Union or isinstance(annotation, types.UnionType)


def _refuse(annotation: Any, why: str = "") -> Reader:
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    shown = shown.replace("typing.", "")

    def refuse(_: Any) -> Any:
        raise UsageError(
            f"a value of type {shown} cannot be given on the command line",
            "call the task from another one, or from a script with redunlite.run()",
        )

    return Reader(refuse, shown, load=refuse, refusal=f"{shown} cannot be given here{why}")


# Types that read one word.


def _read_none(text: str) -> None:
    if text != NONE_WORD:
        raise ValueError(NONE_WORD)


def _read_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def _load_int(data: Any) -> int:
    if isinstance(data, (bool, float)) or not isinstance(data, (int, str)):
        raise Misfit("a whole number")
    return _read_int(data) if isinstance(data, str) else data


def _read_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _load_float(data: Any) -> float:
    if isinstance(data, bool) or not isinstance(data, (int, float, str)):
        raise Misfit("a number")
    try:
        return float(data)
    except (ValueError, OverflowError):
        raise Misfit("a number") from None


def _read_complex(text: str) -> complex:
    try:
        return complex(text.replace(" ", ""))
    except ValueError:
        raise ValueError("a complex number, such as 1+2j") from None


def _read_bool(text: str) -> bool:
    try:
        return BOOL_WORDS[text.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _load_bool(data: Any) -> bool:
    if not isinstance(data, (bool, str)):
        raise Misfit("true or false")
    return _read_bool(data) if isinstance(data, str) else data


def _read_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_SIMPLE: dict[type, Reader] = {
    str: Reader(str, rank=TEXT),
    int: Reader(_read_int, "int", load=_load_int, rank=NUMBER),
    float: Reader(_read_float, "float", load=_load_float, rank=NUMBER),
    complex: Reader(_read_complex, "complex", rank=NUMBER),
    bool: Reader(_read_bool, "bool", is_bool=True, load=_load_bool, rank=EXACT),
    bytes: Reader(_read_bytes, "bytes", is_raw=True, rank=BYTES),
}


def _get_simple(annotation: Any) -> Reader | None:
    if not isinstance(annotation, type):
        return None
    found = _SIMPLE.get(annotation)
    if found is None and annotation.__module__ in ("datetime", "decimal"):
        found = _get_special(annotation)
    return found


def _get_special(cls: type) -> Reader | None:
    """Return the reader of a class of the standard library that has its own forms."""
    import datetime
    import decimal

    if cls is decimal.Decimal:
        return Reader(_read_decimal, "Decimal", load=_load_decimal, rank=NUMBER)
    if cls is datetime.timedelta:
        return Reader(_read_timedelta, "duration", rank=MOMENT)
    examples = {
        datetime.date: "a date, such as 2026-11-24",
        datetime.datetime: "a time, such as 2026-11-24T12:57",
        datetime.time: "a time of day, such as 12:57",
    }
    if cls not in examples:
        return None
    name = "time of day" if cls is datetime.time else cls.__name__
    parse: Callable[[str], Any] = cls.fromisoformat  # type: ignore[attr-defined]

    def read(text: str) -> Any:
        try:
            # Python 3.10 does not know the Z.
            is_zulu = text[-1:] in ("Z", "z") and cls is not datetime.date
            return parse(f"{text[:-1]}+00:00" if is_zulu else text)
        except ValueError as error:
            about = "" if str(error).startswith("Invalid isoformat") else f" ({error})"
            raise ValueError(examples[cls] + about) from None

    return Reader(read, name, rank=MOMENT)


def _read_decimal(text: str) -> Any:
    import decimal

    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        raise ValueError("a decimal number") from None


def _load_decimal(data: Any) -> Any:
    if isinstance(data, bool) or not isinstance(data, (int, float, str)):
        raise Misfit("a decimal number")
    if isinstance(data, float) and len(repr(data).strip("-0.")) > 15:
        raise Misfit("a decimal number of so many digits in quotes")
    return _read_decimal(str(data))


_DURATION = "a duration, such as 90, 1.5h, '2d 12h', 1:30:00 or 250ms"
_UNITS = {
    "w": "weeks", "d": "days", "day": "days", "days": "days", "h": "hours", "m": "minutes",
    "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "µs": "microseconds",
}  # fmt: skip


def _read_timedelta(text: str) -> Any:
    """Return a duration: seconds, amounts with units, a clock's ``[H:]MM:SS``, or as Python shows it."""
    import datetime
    import re

    rest = text.strip().lower().replace(",", " ")
    sign = -1 if rest.startswith("-") and not re.match(r"-\d+ days?\b", rest) else 1
    rest = rest[1:] if sign < 0 else rest
    total = datetime.timedelta()
    try:
        clock = re.search(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$", rest)
        if clock is not None:
            hours, minutes, seconds = clock.groups()
            total += datetime.timedelta(
                hours=int(hours or 0), minutes=int(minutes), seconds=float(seconds)
            )
            rest = rest[: clock.start()].strip()
        elif re.fullmatch(r"\d+(\.\d*)?|\.\d+", rest):
            return sign * datetime.timedelta(seconds=float(rest))
        parts = re.findall(r"(-?\d+(?:\.\d+)?)\s*([a-zµ]+)\s*", rest)
        if "".join(rest.split()) != "".join(n + unit for n, unit in parts):
            raise ValueError(_DURATION)
        if not parts and clock is None:
            raise ValueError(_DURATION)
        for amount, unit in parts:
            total += datetime.timedelta(**{_UNITS[unit]: float(amount)})
    except (KeyError, OverflowError):
        raise ValueError(_DURATION) from None
    return sign * total


def _make_literal(members: Sequence[Any]) -> Reader:
    import enum

    values = {m.name if isinstance(m, enum.Enum) else str(m): m for m in reversed(members)}
    values = dict(reversed(values.items()))  # the first of two that look alike
    return _make_choice(values, members, takes_none=None in members)


def _make_choice(
    values: dict[str, Any], members: Sequence[Any], takes_none: bool = False
) -> Reader:
    expected = f"one of {', '.join(values)}"

    def read(text: str) -> Any:
        found = values.get(text, MISSING)
        if found is MISSING:  # a member's name, as Python would read it
            found = values.get(normalize_name(text), MISSING)
        if found is MISSING:
            raise ValueError(expected)
        return found

    def load_choice(data: Any) -> Any:
        for value in members:
            if type(value) is type(data) and value == data:
                return value
        if not isinstance(data, str):
            raise Misfit(expected)
        return read(data)

    return Reader(read, "", tuple(values), takes_none=takes_none, load=load_choice, rank=EXACT)


def _make_enum(cls: Any) -> Reader:
    import enum

    reader = _make_choice(dict(cls.__members__), ())
    prefix = f"{cls.__name__}."

    def read(text: str) -> Any:
        words = text.split("|") if issubclass(cls, enum.Flag) else [text]
        first, *more = [reader.read(word.strip().removeprefix(prefix)) for word in words]
        for other in more:
            first |= other
        return first

    return reader._replace(read=read, load=None)


def _make_made(cls: type, make: Callable[[str], Any], rank: int = MADE) -> Reader:
    def read(text: str) -> Any:
        try:
            return make(text)
        except Exception as error:  # the class may be the user's
            raise ValueError(f"{cls.__name__} ({_describe_error(error)})") from error

    return Reader(read, cls.__name__, rank=rank)


def _make_from_class(cls: type, annotation: Any, variables: Mapping[str, Any] | None) -> Reader:
    """Return the reader for an Enum, a record, a function, or a class made from one text."""
    import collections.abc
    import enum
    import os
    import re

    if issubclass(cls, enum.Enum):
        return _make_enum(cls)
    function_class: Any = collections.abc.Callable
    if cls is function_class or cls is type or _is_function_type(cls):
        return _make_dotted(cls, variables or {})
    fields = find_fields(cls)
    if fields is not None:
        return _make_record(Record(cls, fields))
    if cls is re.Pattern:
        return _make_made(cls, re.compile)
    is_abstract = getattr(cls, "__abstractmethods__", None) or getattr(cls, "_is_protocol", False)
    if is_abstract and not issubclass(cls, os.PathLike):
        return _refuse(annotation)
    if cls is os.PathLike:
        import pathlib

        return _make_made(pathlib.Path, pathlib.Path, TEXT)
    make: Callable[[str], Any] = cls
    rank = TEXT if issubclass(cls, (os.PathLike, str)) else MADE
    return _make_made(cls, make, rank)


def _is_function_type(cls: type) -> bool:
    import types

    from redunlite.task import Task

    return cls in (types.FunctionType, types.BuiltinFunctionType) or issubclass(cls, Task)


def _make_dotted(cls: type, variables: Mapping[str, Any]) -> Reader:
    """Return a reader of names, such as ``helper`` of the workflow or ``math.sqrt``."""
    kind = "class" if cls is type else "function"

    def read(text: str) -> Any:
        try:
            found = find_object(text, variables)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"a {kind} by its name ({_describe_error(error)})") from error
        if not (isinstance(found, type) if cls is type else callable(found)):
            raise ValueError(f"a {kind} by its name, and that is {shorten(repr(found), 40)}")
        return found

    return Reader(read, kind, rank=MADE)


def find_object(name: str, variables: Mapping[str, Any]) -> Any:
    """Return what a dotted name means: a variable of the workflow, or of a module.

    Raises
    ------
    ImportError, AttributeError, ValueError
        When it means nothing.
    """
    import builtins
    import importlib

    words = name.replace(":", ".").split(".")
    if not all(word.isidentifier() for word in words):
        raise ValueError("such as helper, math.sqrt or package.module.function")
    first, *rest = words
    if first in variables:
        found = variables[first]
    elif not rest:
        if not hasattr(builtins, first):
            raise AttributeError(f"there is no {first!r} in the workflow")
        return getattr(builtins, first)
    else:
        found = importlib.import_module(first)
    for n_used, word in enumerate(rest, 2):
        if not hasattr(found, word) and type(found).__name__ == "module":
            importlib.import_module(".".join(words[:n_used]))
        found = getattr(found, word)
    return found


# Types that read several words, or JSON.


def _make_container(
    cls: type, members: Sequence[Any], variables: Mapping[str, Any] | None
) -> Reader | None:
    """Return the reader of a list, set, tuple or dict of any kind; None for other classes."""
    import collections
    import collections.abc as abc

    if cls is tuple and members and members[-1] is not Ellipsis:
        return _make_tuple([make_reader(m, variables) for m in members if m != ()])
    lists: dict[type, Callable[[list[Any]], Any]] = {
        list: list, tuple: tuple, set: set, frozenset: frozenset, collections.deque: collections.deque,
        abc.Sequence: list, abc.MutableSequence: list, abc.Collection: list, abc.Iterable: list,
        abc.Reversible: list, abc.Container: list, abc.Set: set, abc.MutableSet: set,
    }  # fmt: skip
    dicts: dict[type, Callable[[dict[Any, Any]], Any]] = {
        dict: dict, abc.Mapping: dict, abc.MutableMapping: dict,
        collections.OrderedDict: collections.OrderedDict, collections.Counter: collections.Counter,
    }  # fmt: skip
    if cls in lists:
        member = make_reader(members[0] if members else MISSING, variables)
        if member.refusal:
            return _refuse(cls[members[0]])  # type: ignore[index]
        return _make_many(member, lists[cls], lists[cls].__name__)
    if cls is collections.Counter:
        members = [*members, int]
    kind = next((base for base in (list, tuple, set, frozenset) if issubclass(cls, base)), None)
    if kind is not None and not hasattr(cls, "_fields"):  # a class of the user's
        make: Callable[[list[Any]], Any] = cls
        return _make_many(make_reader(members[0] if members else MISSING), make, cls.__name__)
    if cls is collections.defaultdict:
        factory = _find_factory(members[1]) if members else None
        dicts[cls] = lambda found: collections.defaultdict(factory, found)
    if cls in dicts:
        key, value = (make_reader(m, variables) for m in (members or (str, MISSING)))
        if key.refusal or value.refusal:
            return _refuse(cls[tuple(members)])  # type: ignore[index]
        if not members or members[1] in (Any, object):
            value = value._replace(read=read_setting)
            name = "dict" if cls.__module__ == "collections.abc" else cls.__name__
            return _make_dict(key, value, dicts[cls])._replace(name=name)
        return _make_dict(key, value, dicts[cls])
    if issubclass(cls, dict) and hasattr(cls, "__total__"):
        value = make_reader(MISSING)._replace(read=read_setting)
        return _make_dict(_SIMPLE[str], value, dict)._replace(name=cls.__name__)
    if cls in (abc.Iterator, abc.Generator, abc.AsyncIterator, abc.Awaitable, abc.Coroutine):
        return _refuse(cls)
    if cls in (range, slice, memoryview, type(...)) or issubclass(cls, collections.defaultdict):
        return _refuse(cls)  # a subclass: nobody knows what it takes
    return None


_EMPTY = (int, float, complex, str, bytes, bool, list, tuple, dict, set, frozenset)


def _find_factory(annotation: Any) -> Callable[[], Any] | None:
    """Return what makes the missing values of a defaultdict: the type of its values, made of nothing."""
    import typing

    cls = typing.get_origin(annotation) or annotation
    return cls if cls in _EMPTY else None


def _describe_type(reader: Reader) -> str:
    return reader.name or "|".join(reader.choices) or "text"


def _make_many(member: Reader, build: Callable[[list[Any]], Any], kind: str) -> Reader:
    """Return the reader of any number of members."""

    def load_all(data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise Misfit("a JSON list")
        return [_below(member, item, f"[{i}]") for i, item in enumerate(data)]

    def read_one(piece: Piece) -> list[Any]:
        if isinstance(piece, Json):
            return load_all(piece.data)
        if not piece.lstrip().startswith("["):
            return [_read_member(member, piece)]
        try:
            return load_all(decode(piece))
        except ValueError as whole:
            try:  # it may be one member that begins so
                return [_read_member(member, piece)]
            except ValueError:
                raise whole from None

    def finish(found: list[Any]) -> Any:
        try:
            return build(found)
        except TypeError as error:
            raise Misfit(f"members of a {kind} ({error})") from error

    def gather(pieces: Sequence[Piece]) -> Any:
        return finish([value for piece in pieces for value in read_one(piece)])

    return Reader(
        lambda text: gather([text]),
        f"{kind} of {_describe_type(member)}",
        member.choices,
        is_list=True,
        load=lambda data: finish(load_all(data)),
        gather=gather,
        takes_json=True,
    )


def _read_member(reader: Reader, text: str) -> Any:
    """Return the value of one word among several; what does not fit is named."""
    try:
        return _read_piece(reader, text)
    except Misfit as misfit:
        got = repr(text) if misfit.got is None else misfit.got
        raise Misfit(misfit.expected, shorten(got), misfit.path) from misfit
    except ValueError as error:
        raise Misfit(str(error), show_piece(text)) from error


def _make_tuple(members: Sequence[Reader]) -> Reader:
    """Return the reader of a tuple with one type for each place."""
    shown = ", ".join(map(_describe_type, members))
    name = f"tuple of {shown}" if members else "empty tuple"

    def check(n: int) -> None:
        if n != len(members):
            plural = "" if len(members) == 1 else "s"
            raise Misfit(f"{len(members)} value{plural} ({shown}), not {n}")

    def load_all(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, list):
            raise Misfit("a JSON list")
        check(len(data))
        return tuple(_below(m, item, f"[{i}]") for i, (m, item) in enumerate(zip(members, data)))

    def gather(pieces: Sequence[Piece]) -> tuple[Any, ...]:
        first = pieces[0]
        if len(pieces) == 1 and isinstance(first, Json):
            return load_all(first.data)
        if len(pieces) == 1 and isinstance(first, str) and first.lstrip().startswith("["):
            return load_all(decode(first))
        check(len(pieces))
        return tuple(
            _read_member(m, piece) if isinstance(piece, str) else load(m, piece.data)
            for m, piece in zip(members, pieces)
        )

    return Reader(
        lambda text: gather([text]),
        name,
        is_list=True,
        load=load_all,
        gather=gather,
        takes_json=True,
    )


def _make_dict(key: Reader, value: Reader, build: Callable[[dict[Any, Any]], Any]) -> Reader:
    """Return the reader of ``key=value`` words and JSON objects."""

    def read_key(text: str) -> Any:
        made = _read_member(key, text)
        try:
            hash(made)
        except TypeError as error:
            raise Misfit(f"keys of a dict ({error})", show_piece(text)) from error
        return made

    def load_all(data: Any) -> dict[Any, Any]:
        if not isinstance(data, dict):
            raise Misfit("a JSON object")
        return {read_key(name): _below(value, item, f"[{name!r}]") for name, item in data.items()}

    def read_one(piece: Piece) -> dict[Any, Any]:
        if isinstance(piece, Json):
            return load_all(piece.data)
        if piece.lstrip().startswith("{"):
            return load_all(decode(piece))
        name, equals, text = piece.partition("=")
        if not equals:
            raise Misfit("key=value, or a JSON object", show_piece(piece))
        return {read_key(name): _read_member(value, text)}

    def gather(pieces: Sequence[Piece]) -> Any:
        found: dict[Any, Any] = {}
        for piece in pieces:
            for name, item in read_one(piece).items():
                if name in found:
                    raise Misfit(f"each key once, but {name!r} is there twice")
                found[name] = item
        return build(found)

    return Reader(
        lambda text: gather([text]),
        f"dict of {_describe_type(key)} to {_describe_type(value)}",
        is_list=True,
        load=lambda data: build(load_all(data)),
        gather=gather,
        takes_json=True,
    )


# Records.


def find_fields(cls: type) -> tuple[Field, ...] | None:
    """Return the fields of a dataclass or a named tuple that can be given; None for other classes."""
    import dataclasses

    if dataclasses.is_dataclass(cls):
        hints = find_hints(cls)
        own = {field.name for field in dataclasses.fields(cls) if field.init}
        found: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
        # What is only given to `__post_init__` is no field of the instances.
        return tuple(
            Field(name, hints.get(name, MISSING), _find_default(field))
            for name, field in found.items()
            if name in own or _is_init_only(hints.get(name))
        )
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints, defaults = find_hints(cls), getattr(cls, "_field_defaults", {})
        return tuple(Field(n, hints.get(n, MISSING), defaults.get(n, MISSING)) for n in cls._fields)
    return None


def _is_init_only(annotation: Any) -> bool:
    import dataclasses

    return annotation is dataclasses.InitVar or isinstance(annotation, dataclasses.InitVar)


def _find_default(field: Any) -> Any:
    import dataclasses

    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is dataclasses.MISSING:
        return MISSING
    return Factory(field.default_factory)


def find_hints(thing: Any) -> dict[str, Any]:
    """Return the annotations of a function or a class, those written as text resolved."""
    import sys
    import typing

    try:
        return typing.get_type_hints(thing, include_extras=True)
    except Exception:  # an annotation is any expression of the user's
        pass
    found: dict[str, Any] = {}
    for part in reversed(getattr(thing, "__mro__", (thing,))):
        module = sys.modules.get(getattr(part, "__module__", "") or "")
        variables = getattr(part, "__globals__", None) or vars(module or typing)
        own = vars(part) if isinstance(part, type) else {"__annotations__": part.__annotations__}
        for name, annotation in own.get("__annotations__", {}).items():
            try:
                for _ in range(2):  # twice text when quoted under a future import
                    if isinstance(annotation, str):
                        annotation = eval(annotation, dict(variables))
            except Exception:  # one bad annotation must not take the others with it
                continue
            found[name] = annotation
    return found


def _make_record(record: Record) -> Reader:
    """Return the reader of a dataclass or a named tuple: a JSON object of its fields."""
    name = record.cls.__name__

    def load_record(data: Any) -> Any:
        if isinstance(data, list) and issubclass(record.cls, tuple):
            if len(data) > len(record.fields):
                named = ", ".join(field.name for field in record.fields)
                raise Misfit(f"a list of at most {len(record.fields)} ({named})")
            data = dict(zip((field.name for field in record.fields), data))
        if not isinstance(data, dict):
            raise Misfit(f"a JSON object with the fields of {name}")
        fields = {field.name: field for field in record.fields}
        data = {key if key in fields else normalize_name(key): item for key, item in data.items()}
        for key in data:
            if key not in fields:
                from redunlite.errors import find_nearest

                nearest = find_nearest(key, fields)
                mean = f", perhaps {nearest!r}" if nearest else ""
                raise Misfit(f"fields of {name} ({', '.join(fields)}){mean}", repr(key))
        missing = [f.name for f in record.fields if f.default is MISSING and f.name not in data]
        if missing:
            raise Misfit(f"{name} with {' and '.join(missing)}")
        return record.make(
            {
                key: _below(make_reader(fields[key].annotation), item, f".{key}")
                for key, item in data.items()
            }
        )

    return Reader(
        lambda text: load_record(decode(text)),
        name,
        load=load_record,
        takes_json=True,
        record=record,
    )


# Unions.


def _make_union(members: Sequence[Any], variables: Mapping[str, Any] | None) -> Reader:
    others = [member for member in members if member is not type(None)]
    takes_none = len(others) < len(members)
    readers = [make_reader(member, variables) for member in others]
    usable = sorted((r for r in readers if not r.refusal), key=lambda r: r.rank)
    if not usable:
        return readers[0]._replace(takes_none=takes_none)
    made = usable[0] if len(usable) == 1 else _make_either(usable)
    return with_none(made) if takes_none else made


def with_none(reader: Reader) -> Reader:
    """Return the reader that takes ``None`` too."""
    if reader.takes_none or reader.refusal:
        return reader
    name = "" if reader.choices else f"{_describe_type(reader)} or None"
    return reader._replace(name=name, takes_none=True)


def _make_either(readers: Sequence[Reader]) -> Reader:
    """Return a reader that tries others in order."""
    has_text = any(reader.rank == TEXT for reader in readers)

    def attempt(tries: Sequence[tuple[Reader, Callable[[Reader], Any]]]) -> Any:
        expected: list[str] = []
        for reader, get in tries:
            try:
                return get(reader)
            except ValueError as error:
                if str(error) not in expected:
                    expected.append(str(error))
        raise Misfit(" or ".join(expected))

    def load_either(data: Any) -> Any:
        ordered = list(readers)
        if isinstance(data, str) and has_text:  # a text in quotes is no number
            ordered.sort(key=lambda reader: reader.rank == NUMBER or reader.is_bool)
        return attempt([(reader, lambda r: load(r, data)) for reader in ordered])

    def read(text: str) -> Any:
        is_json = text.lstrip()[:1] in ("[", "{")
        ordered = sorted(readers, key=lambda reader: reader.takes_json != is_json)
        return attempt([(reader, lambda r: read_words(r, [text])) for reader in ordered])

    def gather(pieces: Sequence[Piece]) -> Any:
        if len(pieces) > 1:
            many = [reader for reader in readers if reader.is_list]
            return attempt([(reader, lambda r: read_words(r, pieces)) for reader in many])
        (piece,) = pieces
        return load_either(piece.data) if isinstance(piece, Json) else read(piece)

    choices = [reader.choices for reader in readers]
    is_list = any(reader.is_list for reader in readers)
    records = [reader.record for reader in readers if reader.record is not None]
    return Reader(
        read,
        " or ".join(map(_describe_type, readers)),
        tuple(choice for some in choices for choice in some) if all(choices) else (),
        is_list=is_list,
        load=load_either,
        gather=gather if is_list else None,
        takes_none=any(reader.takes_none for reader in readers),
        takes_json=any(reader.takes_json for reader in readers),
        rank=max(reader.rank for reader in readers),
        record=records[0] if len(records) == 1 else None,
    )
