"""Options of the command line made from a task's signature, and the words that belong to each.

Decided here: what each parameter's option is called, that the fields of a dataclass have options of
their own, and which words are whose. Not here: what texts a type takes (`cli.readers`), what files
hold (`cli.sources`), which task is meant (`cli.run`). No state.

Reading has two steps, so that nothing is read from a file before the line as a whole makes sense:
`collect_words` finds out which words belong to which option, `Collected.convert` makes the values.

>>> def double(n: int, fast: bool = False): ...
>>> options = make_options(double)
>>> parse_words(options, ["--n", "3", "--fast"], "task 'double'").values
{'n': 3, 'fast': True}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from redunlite.cli.readers import (
    BOOL_WORDS,
    NONE_WORD,
    Factory,
    Field,
    Misfit,
    Piece,
    Reader,
    find_hints,
    get_default,
    make_reader,
    read_words,
    show_piece,
    with_none,
)
from redunlite.display.text import cut, quote
from redunlite.errors import UnknownNameError, UsageError, shorten
from redunlite.namespace import normalize_name
from redunlite.signature import MISSING, POSITIONAL_ONLY, VAR_KEYWORD, VAR_POSITIONAL, Parameters

FIELD_MARK = ":"
"""Between the names of a parameter and its field in `Option.name`; part of no name."""
DEFAULT_WIDTH = 60
"""Characters of a default in help."""


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
    takes_files: bool = False
    """Whether ``@file`` and ``-`` stand for what a file and standard input hold."""
    fields: tuple[Option, ...] = ()
    """Of a dataclass: an option for each of its fields."""

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


class Given(NamedTuple):
    """The words of one option."""

    option: Option
    spelling: str
    """As it was typed."""
    texts: list[str]
    """Empty for a switch."""
    is_on: bool = True
    """Of a switch: False behind ``--no-``."""


# Which options a task has.


def make_options(
    function: Callable[..., Any], parameters: Parameters | None = None
) -> list[Option]:
    """Return the options for the parameters of `function`.

    There is none for ``*args`` and ``**kwargs``, and none for a parameter that the engine fills in,
    which its default tells by an attribute `redunlite_hidden`.

    Parameters
    ----------
    parameters
        Those that a caller gives; default, all of them.
    """
    parameters = parameters or Parameters(function)
    while hasattr(function, "__wrapped__") and not hasattr(function, "__signature__"):
        function = function.__wrapped__
    hints = find_hints(function)
    variables = getattr(function, "__globals__", {})
    shown = [
        (name, kind, default)
        for name, kind, default in zip(parameters.names, parameters.kinds, parameters.defaults)
        if kind not in (VAR_POSITIONAL, VAR_KEYWORD)
        and getattr(type(default), "redunlite_hidden", False) is not True
    ]
    flags = make_flags([name for name, _, _ in shown])
    options = []
    for name, kind, default in shown:
        annotation = hints.get(name, MISSING)
        reader = make_reader(annotation, variables)
        if default is None and annotation is not MISSING:
            reader = with_none(reader)
        options.append(
            Option(
                name,
                flags[name],
                reader,
                default,
                tuple({f"--{name}", f"--{name.replace('_', '-')}"} - {flags[name]}),
                _find_note(annotation),
                is_positional_only=kind == POSITIONAL_ONLY,
                takes_files=True,
                fields=_make_fields(name, flags[name], reader, default, ()),
            )
        )
    return options


def _make_fields(
    name: str, flag: str, reader: Reader, default: Any, above: tuple[type, ...]
) -> tuple[Option, ...]:
    """Return the options for the fields of a record, with the defaults that hold in it."""
    record = reader.record
    if record is None or record.cls in above:
        return ()
    flags = make_flags([field.name for field in record.fields])
    options = []
    for field in record.fields:
        field_flag = f"{flag}.{flags[field.name][2:]}"
        field_name = f"{name}{FIELD_MARK}{field.name}"
        field_reader = make_reader(field.annotation)
        field_default = _find_default(field, default, record.cls)
        options.append(
            Option(
                field_name,
                field_flag,
                field_reader,
                field_default,
                tuple({f"{flag}.{field.name}"} - {field_flag}),
                _find_note(field.annotation),
                takes_files=True,
                fields=_make_fields(
                    field_name, field_flag, field_reader, field_default, (*above, record.cls)
                ),
            )
        )
    return tuple(options)


def _find_default(field: Field, instance: Any, cls: type) -> Any:
    """Return the default of a field: what it is in the instance that is the default of all."""
    if isinstance(instance, Factory) and instance.make is not cls:
        instance = get_default(instance)
    return getattr(instance, field.name, MISSING) if isinstance(instance, cls) else field.default


def _find_note(annotation: Any) -> str:
    """Return the text in ``Annotated[T, "text"]``, or an empty string."""
    metadata = getattr(annotation, "__metadata__", ())
    return next((note for note in metadata if isinstance(note, str)), "")


def make_flags(names: Sequence[str]) -> dict[str, str]:
    """Return the flag of each parameter: small letters, dashes, without outer underscores."""
    short = {name: name.strip("_").lower().replace("_", "-") for name in names}
    taken = list(short.values())
    return {
        name: f"--{flag}" if flag and taken.count(flag) == 1 else f"--{name}"
        for name, flag in short.items()
    }


def iter_options(options: Iterable[Option]) -> Iterator[Option]:
    """Yield options, each followed by those of its fields."""
    for option in options:
        yield option
        yield from iter_options(option.fields)


# Reading words.


class Collected(NamedTuple):
    """Which words belong to which option."""

    given: dict[str, Given]
    """By the option's name."""
    words: list[str]
    """The words that are no options and no values of options."""
    rest: list[str]
    """What was left when the reading stopped."""

    def convert(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """Return the values of the options that were given, or of those among `names`.

        Raises
        ------
        UsageError
            For a value that cannot be read.
        """
        from redunlite.cli.sources import Sources

        sources = Sources()
        return {
            name: _convert(given, sources)
            for name, given in self.given.items()
            if names is None or name in names
        }


def parse_words(
    options: Iterable[Option],
    words: Sequence[str],
    where: str,
    *,
    others: Iterable[Option] = (),
    stop_after: int | None = None,
    hint: str = "",
) -> Parsed:
    """Return what `words` say: `collect_words` and `Collected.convert`, records put together."""
    options = list(options)
    collected = collect_words(
        options, words, where, others=others, stop_after=stop_after, hint=hint
    )
    values = join_fields(options, collected.convert())
    return Parsed(values, collected.words, collected.rest)


def collect_words(
    options: Iterable[Option],
    words: Sequence[str],
    where: str,
    *,
    others: Iterable[Option] = (),
    stop_after: int | None = None,
    hint: str = "",
) -> Collected:
    """Return which of `words` belong to which option.

    Parameters
    ----------
    where
        For messages, such as ``"task 'main'"``.
    others
        Further options; what `options` claim is not theirs, and nothing behind ``--`` is.
    stop_after
        Stop behind this many words that are no options. Up to there ``--`` says that there are none.
    hint
        What to do about an unknown option that is like no other.

    Raises
    ------
    UnknownNameError
        For an unknown option, with the nearest.
    UsageError
        For a value that is missing, or given twice.
    """
    options, others = list(options), list(others)
    spellings = {**_list_spellings(others), **_list_spellings(options)}
    found: dict[str, Given] = {}
    plain: list[str] = []
    rest = list(words)
    is_parted = False
    while rest and (stop_after is None or len(plain) < stop_after):
        word = rest.pop(0)
        if word == "--" and not is_parted:
            is_parted = True
            spellings = _list_spellings(options)
            continue
        if not _is_option(word) or (is_parted and stop_after is not None):
            plain.append(word)
            continue
        spelling, equals, text = word.partition("=")
        known = _find_spelling(spellings, spelling)
        if known is None and word[1] != "-" and len(word) > 2:  # -vq, or -cFOLDER
            first = spellings.get(word[:2])
            if first is not None and first[0].reader is None:
                rest.insert(0, f"-{word[2:]}")
                known, spelling, equals = first, word[:2], ""
            elif first is not None:
                known, spelling, equals, text = first, word[:2], "=", word[2:]
        if known is None:
            raise _unknown_option(spelling, where, options, spellings, hint, is_task=bool(others))
        option, is_negated = known
        given = _take(option, spelling, is_negated, [text] if equals else None, rest, spellings)
        before = found.get(option.name)
        found[option.name] = given if before is None else _join(before, given)
    return Collected(found, plain, rest)


_Spellings = dict[str, tuple[Option, bool]]


def _unknown_option(
    spelling: str,
    where: str,
    options: Iterable[Option],
    spellings: _Spellings,
    hint: str,
    *,
    is_task: bool,
) -> UnknownNameError:
    """Return the error for an option that is not there: of redun's, with what to do instead.

    Parameters
    ----------
    is_task
        Whether the options are a task's, one of which may be meant.
    """
    from redunlite.cli.common import REDUN_OPTIONS

    instead = REDUN_OPTIONS.get(spelling)
    if instead is None:
        return UnknownNameError("option", spelling, spellings, f"for {where}", hint)
    near = _list_spellings(options) if is_task else ()
    return UnknownNameError("option", spelling, near, f"for {where}", instead)


def _is_option(word: str) -> bool:
    """Tell whether a word is an option: not ``-``, and not a negative number."""
    if len(word) < 2 or word[0] != "-":
        return False
    return word.startswith("--") or not (word[1].isdigit() or word[1] == ".")


def _list_spellings(options: Iterable[Option]) -> _Spellings:
    """Return the option of each spelling, and whether it is the negated one."""
    options = list(iter_options(options))
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
        name = normalize_name(spelling[2:])
        found = spellings.get(f"--{name}") or spellings.get(f"--{name.replace('_', '-')}")
    return found


def _take(
    option: Option,
    spelling: str,
    is_negated: bool,
    given: list[str] | None,
    rest: list[str],
    spellings: _Spellings,
) -> Given:
    """Return the words of an option that was met; takes what belongs to it from `rest`."""
    reader = option.reader
    if reader is None or is_negated:
        if given is not None:
            raise UsageError(f"option {spelling} takes no value, got {show_piece(given[0])}")
        return Given(option, spelling, [], not is_negated)
    if reader.is_bool and given is None:
        is_value = bool(rest) and (
            rest[0].lower() in BOOL_WORDS or (reader.takes_none and rest[0] == NONE_WORD)
        )
        return Given(option, spelling, [rest.pop(0)] if is_value else [])
    if given is None:
        given = _take_texts(reader, rest, spellings)
    if not given:
        shown = " | ".join(reader.choices) or reader.name
        hint = f"expected: {shown}" if shown else ""
        if not shown and rest:
            word = quote(shorten(rest[0]))
            hint = f"a value that begins with a dash is written {spelling}={word}"
        raise UsageError(f"option {spelling} needs a value", hint)
    return Given(option, spelling, given)


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


def _join(before: Given, given: Given) -> Given:
    """Return what an option means that is given twice.

    Raises
    ------
    UsageError
        When it takes one value.
    """
    reader = given.option.reader
    if reader is not None and reader.is_list:
        return given._replace(texts=[*before.texts, *given.texts])
    if not before.texts and not given.texts and before.is_on == given.is_on:
        return given
    shown = [
        show_piece(g.texts[0]) if g.texts and before.spelling == given.spelling else g.spelling
        for g in (before, given)
    ]
    raise UsageError(f"option {given.option.flag} is given twice: {shown[0]} and {shown[1]}")


def _convert(given: Given, sources: Any) -> Any:
    from redunlite.cli.sources import SOURCE_BYTES, SOURCE_JSON, SOURCE_TEXT

    option, texts = given.option, given.texts
    reader = option.reader
    if reader is None or not texts:
        return given.is_on
    pieces: Sequence[Piece] = texts
    if option.takes_files and not reader.refusal:
        kind = SOURCE_JSON if reader.takes_json else SOURCE_BYTES if reader.is_raw else SOURCE_TEXT
        pieces = [sources.expand(text, kind, given.spelling) for text in texts]
    try:
        return read_words(reader, pieces)
    except ValueError as error:
        got, path = None, ""
        if isinstance(error, Misfit):
            got, path = error.got, error.path
        shown = got or ", ".join(map(show_piece, pieces[:5]))
        place = f" at {path}" if path else ""
        raise UsageError(
            f"option {given.spelling} got {shown}{place}, expected {error}",
            _describe_nearest(texts[0], reader.choices),
        ) from None


def _describe_nearest(text: str, choices: Sequence[str]) -> str:
    if not choices:
        return ""
    from redunlite.errors import find_nearest

    nearest = find_nearest(text, choices)
    return f"did you mean {nearest!r}?" if nearest else ""


# Records.


def join_fields(options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters from those of parameters and fields.

    Options of fields go on top of the value of the whole, which is the parameter's default where it is
    not given.

    Raises
    ------
    UsageError
        When a class does not take its fields.
    """
    values = dict(values)
    for option in options:
        if option.fields:
            joined = _join_record(option, values, is_needed=option.default is MISSING)
            if joined is not MISSING:
                values[option.name] = joined
    return values


def _join_record(option: Option, values: dict[str, Any], *, is_needed: bool) -> Any:
    """Return the value of an option; takes those of its fields out of `values`.

    Parameters
    ----------
    is_needed
        Make a record with nothing but defaults rather than none.
    """
    whole = values.pop(option.name, MISSING)
    if not option.fields:
        return whole
    record = option.reader.record if option.reader is not None else None
    assert record is not None
    base = get_default(option.default) if whole is MISSING else whole
    has_base = isinstance(base, record.cls)
    parts = {}
    for field in option.fields:
        value = _join_record(field, values, is_needed=not has_base and field.default is MISSING)
        if value is not MISSING:
            parts[field.name.rpartition(FIELD_MARK)[2]] = value
    is_empty = not is_needed or any(field.is_required for field in option.fields)
    if not parts and (whole is not MISSING or is_empty):
        return whole
    try:
        return record.replace(base, parts) if has_base else record.make(parts)
    except Misfit as misfit:
        raise UsageError(f"option {option.flag} got {parts!r}, expected {misfit}") from None


# Calling the task.


def check_required(
    options: Iterable[Option], names: Collection[str], where: str, hint: str
) -> None:
    """Raise `UsageError` naming all the required options that were not given."""
    missing = [found for option in options for found in _list_missing(option, names)]
    if not missing:
        return
    flags = [option.flag for option in missing]
    named = f"{', '.join(flags[:-1])} and {flags[-1]}" if flags[1:] else flags[0]
    refusals = [o.reader.refusal for o in missing if o.reader is not None and o.reader.refusal]
    about = f"; {', '.join(refusals)}" if refusals else ""
    raise UsageError(f"{where} needs {named}{about}", hint)


def _list_missing(option: Option, names: Collection[str]) -> list[Option]:
    if option.name in names:
        return []
    if not option.fields:
        return [option] if option.is_required else []
    is_begun = any(name.startswith(option.name + FIELD_MARK) for name in names)
    takes_none = option.reader is not None and option.reader.takes_none
    if not is_begun and (not option.is_required or takes_none):
        return [option] if option.is_required else []
    return [found for field in option.fields for found in _list_missing(field, names)]


def split_call(
    options: Iterable[Option], values: Mapping[str, Any]
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


# Help.


def format_default(option: Option) -> str:
    """Return what help says about an option's value, such as ``how often; int (default: 3)``."""
    reader = option.reader
    parts = []
    if reader is not None and reader.refusal:
        parts = [reader.refusal]
    elif reader is not None and reader.name and not reader.is_bool:
        parts = [reader.name]
    elif reader is not None and reader.is_bool and reader.takes_none:
        parts = ["true, false or None"]
    elif reader is not None and reader.choices and reader.takes_none:
        parts = ["or None"]
    if option.meaning:
        parts = ["; ".join([option.meaning.rstrip(".") if parts else option.meaning, *parts])]
    end = ""
    if option.is_required and not option.fields:
        end = "(required)"
    elif reader is not None and option.default is not MISSING and not option.fields:
        end = f"(default: {_format_value(option.default, reader)})"
    if end:
        parts = [part.rstrip(".") for part in parts] + [end]
    return " ".join(parts)


def _format_value(value: Any, reader: Reader) -> str:
    """Return a default on one line, as it would be typed where it can be."""
    from redunlite import nested

    value = get_default(value)
    if value is MISSING or nested.has_lazy(value):
        return "computed"
    # A class that is made from one text shows that text.
    is_text = isinstance(value, str) or reader.name.partition(" ")[0] == type(value).__name__
    try:
        is_plain = is_text and not reader.takes_json and value != ""
        text = str(value) if is_plain else _format_part(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # the class is the user's, or a number has too many digits
        from redunlite.preview import format_preview

        text = format_preview(value, DEFAULT_WIDTH)
    return cut(text, DEFAULT_WIDTH)


def _format_part(value: Any) -> str:
    import enum
    import os

    if isinstance(value, enum.Enum):
        return value.name or repr(value)
    if isinstance(value, os.PathLike):
        return str(value)
    if type(value).__module__ == "datetime":
        return str(value.isoformat() if hasattr(value, "isoformat") else value)
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    if type(value) is list:
        return f"[{', '.join(map(_format_part, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_format_part, value))})"
    if type(value) is dict:
        return f"{{{', '.join(f'{_format_part(k)}: {_format_part(v)}' for k, v in value.items())}}}"
    return repr(value)
