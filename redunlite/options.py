"""Task options: one table of their names, defaults, allowed values and meanings.

Decided here: which options there are and which values they take. Not here: what they do. State: the
options of the project's own, by name, and where its configuration is looked for.

A call has the decorator's options, with those of `.options()` on top; both go through
`check_options`, which may see its own results again (a task that was pickled), so what it returns
is always something that it takes unchanged. An option may be an expression: it is passed on, and
checked once it has a value.

>>> check_options({"limits": ["db"], "cache": False}, "@task of 'f'")
{'limits': {'db': 1}, 'cache_scope': CacheScope.CSE}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypedDict

from redunlite import nested
from redunlite.errors import ConfigError, OptionError, RedunliteError, UsageError, find_nearest
from redunlite.kinds import Lazy

CONTEXT_OPTION = "_context_override"
"""Under which the options of a call hold the context variables of `Task.update_context`."""


class CacheScope(Enum):
    """How far a call may look for a recorded result."""

    NONE = "NONE"
    """Nowhere: every call is evaluated."""
    CSE = "CSE"
    """In its own execution only."""
    BACKEND = "BACKEND"
    """In every recorded execution."""

    def __repr__(self) -> str:
        return f"CacheScope.{self.name}"


class CacheCheckValid(Enum):
    """What has to hold before a recorded result is used."""

    FULL = "full"
    """Every call below it is looked up again (single reduction)."""
    SHALLOW = "shallow"
    """The code of the tasks below it and its final value are as they were (ultimate reduction)."""

    def __repr__(self) -> str:
        return f"CacheCheckValid.{self.name}"


Check = Callable[[Any], Any]
"""Returns the value in its normal form; raises `ValueError` with what was expected instead."""


@dataclass(frozen=True)
class Option:
    """One task option."""

    name: str
    default: Any
    """What holds when nobody sets it."""
    check: Check
    meaning: str
    """One line, for the documentation."""
    is_in_key: bool = False
    """Whether it is part of cache keys. Such an option belongs to the decorator."""


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _name(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError("a name")
    return value


def _bool(value: Any) -> Any:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError("a number")
    return value


def _not_negative(value: Any) -> Any:
    if _number(value) < 0:
        raise ValueError("a number, 0 or more")
    return value


def _positive(value: Any) -> Any:
    if _number(value) <= 0:
        raise ValueError("a number above 0")
    return value


def _list(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list")
    return tuple(value)


def _names(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list of names")
    return tuple(value)


def _dict(value: Any) -> Any:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("a dict by name")
    return dict(value)


def _tags(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list of (key, value)")
    from redunlite.tags import encode_tag_value

    for pair in value:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError("a list of (key, value)")
        try:
            encode_tag_value(pair[1])
        except UsageError as error:
            raise ValueError(f"values that can be recorded: {error}") from None
    return tuple((key, tag) for key, tag in value)


def _limits(value: Any) -> Any:
    expected = "a list of names, or a dict from name to units above 0"
    if isinstance(value, Mapping):
        needs = dict(value)
    elif isinstance(value, (list, tuple)):
        needs = {name: 1 for name in value if isinstance(name, str)}
        if any(not isinstance(name, str) for name in value):
            raise ValueError(expected)
    else:
        raise ValueError(expected)
    for name, units in needs.items():
        is_units = isinstance(units, (int, float)) and not isinstance(units, bool)
        if not isinstance(name, str) or not is_units or not units > 0:
            raise ValueError(expected)
    return needs


def _cache_scope(value: Any) -> Any:
    if isinstance(value, CacheScope):
        return value
    try:
        return CacheScope[value.upper()]
    except (AttributeError, KeyError):
        raise ValueError("NONE, CSE or BACKEND") from None


def _check_valid(value: Any) -> Any:
    if isinstance(value, CacheCheckValid):
        return value
    try:
        return CacheCheckValid[value.upper()]
    except (AttributeError, KeyError):
        raise ValueError("'full' or 'shallow'") from None


def _memory(value: Any) -> Any:
    parse_memory(value)
    return value


_UNITS = {"": 30, "k": 10, "m": 20, "g": 30, "t": 40}


def parse_memory(value: Any) -> int:
    """Return bytes: a number counts GiB, as in redun; text may say its unit (``"500M"``).

    Raises
    ------
    ValueError
        With what was expected instead.
    """
    expected = "GiB as a number above 0, or a text such as '500M'"
    number, unit = value, ""
    if isinstance(value, str):
        text = value.strip().lower().removesuffix("b").removesuffix("i")
        unit = text[-1:] if text[-1:] in _UNITS else ""
        try:
            number = float(text.removesuffix(unit))
        except ValueError:
            raise ValueError(expected) from None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError(expected)
    if not 0 < number < float("inf"):
        raise ValueError(expected)
    return int(number * (1 << _UNITS[unit]))


def _optional(check: Check) -> Check:
    def check_optional(value: Any) -> Any:
        return None if value is None else check(value)

    return check_optional


TABLE: tuple[Option, ...] = (
    Option("name", None, _name, "name of the task; default, the function's", True),
    Option("namespace", None, _text, "what comes before the name; empty for none", True),
    Option("version", None, _text, "stands for the source in cache keys", True),
    Option("hash_includes", (), _list, "extra values that count as code", True),
    Option("depends", (), _list, "extra code or data that counts as code", True),
    Option("ignore", (), _list, "helpers that do not count as code", True),
    Option("config_args", (), _names, "parameters left out of cache keys", True),
    Option("cache", True, _bool, "False: results are shared within one execution only"),
    Option(
        "cache_scope", CacheScope.BACKEND, _cache_scope, "where results may come from: NONE, CSE, BACKEND"
    ),
    Option(
        "check_valid", CacheCheckValid.FULL, _check_valid,
        "'shallow': a recorded final result is enough when no code below it changed",
    ),
    Option("executor", "default", _name, "name of the executor that runs it"),
    Option("limits", {}, _limits, "units of named limits held while it runs"),
    Option("nout", None, _optional(_count), "number of results, so that the call can be unpacked"),
    Option("prov", True, _bool, "False: neither it nor what it calls is recorded"),
    Option("script", False, _bool, "the function returns a shell script to run"),
    Option("tags", (), _tags, "(key, value) pairs for the task and its jobs"),
    Option("load_module", None, _optional(_name), "module that workers import to find the function"),
    Option("export_options", {}, _dict, "options for it and everything it calls"),
    Option("retries", 0, _count, "times to try again after a failure"),
    Option("retry_delay", 1.0, _not_negative, "seconds before the first retry, doubled each time"),
    Option("timeout", None, _optional(_positive), "seconds after which the job is stopped"),
    Option("memory", None, _optional(_memory), "GiB (or '500M') it needs and may not exceed"),
    Option("cpus", 1, _positive, "CPUs it needs"),
    Option("priority", 0, _number, "higher starts earlier among ready jobs"),
)  # fmt: skip

OPTIONS: dict[str, Option] = {option.name: option for option in TABLE}
"""The table by name."""


_FOR_OTHER_MACHINES = (
    "additional_libs annotations autocreate_job autocreate_job_def batch_tags debug env"
    " ephemeral_storage extra_files extra_py_files glue_version gpus image include_aws_env interactive"
    " job_def_extra job_def_name job_name_prefix k8s_labels labels machine_type node_affinity num_nodes"
    " privileged project queue region role scheduling_priority_override service_account_email"
    " service_account_name share_id shared_memory task_count volumes worker_type workers"
)
"""Options of redun's executors for other machines than this one."""


def _anything(value: Any) -> Any:
    return value


_others: dict[str, Option] = {
    name: Option(name, None, _anything, "for other machines than this one; has no effect")
    for name in _FOR_OTHER_MACHINES.split()
}
"""Options beside those of the table, by name."""
_declared: dict[str, Option] = {}
"""Those of them that are the project's own."""
_folder: str | None = None


def register_option(name: str, meaning: str = "an option of this project's own") -> None:
    """Let tasks have an option of the project's own, of any value.

    It is in force for calls like every other one (see `combine_options`), counts in no cache key, and
    is read by who needs it: `Job.get_option`, `Task.get_task_option`, `JobInfo.options`, and
    `executors.base.ExecutorHost.get_options`. ``[options] names`` of the configuration does the same.

    Parameters
    ----------
    meaning
        One line for listings of the options.

    Raises
    ------
    OptionError
        For a name that is an option already, or that no parameter could have.

    >>> register_option("queue", "where it waits")
    >>> check_options({"queue": "fast"}, "@task of 'f'")
    {'queue': 'fast'}
    """
    if name in OPTIONS or name in (_MODE, _VCPUS):
        raise OptionError(f"{name!r} is an option already", "give yours another name")
    if name in _REDUN_OPTIONS:
        raise OptionError(f"{name!r} cannot be an option of your own", _REDUN_OPTIONS[name])
    if not name.isidentifier():
        raise OptionError(
            f"{name!r} cannot be the name of an option", "letters, digits and underscores"
        )
    _others[name] = _declared[name] = Option(name, None, _anything, meaning)


def declare_options(names: Iterable[str]) -> None:
    """Register what the configuration says under ``[options] names``.

    Raises
    ------
    ConfigError
        For a name that `register_option` refuses.
    """
    for name in names:
        if name not in _declared:
            try:
                register_option(name)
            except OptionError as error:
                raise ConfigError(f"[options] names: {error.message}; {error.hint}") from error


def list_declared() -> list[str]:
    """Return the names of the options of the project's own."""
    return list(_declared)


def is_for_other_machines(name: str) -> bool:
    """Tell whether an option is one that only redun's executors for other machines read."""
    return name in _others and name not in _declared and not _find_declared(name)


def use_folder(folder: str | None) -> None:
    """Look for the configuration there: the ``-c`` of a command, or None for the nearest folder."""
    global _folder
    _folder = folder


def _find_declared(name: str) -> Option | None:
    """Return the option of that name that the project's configuration declares, or None.

    Decorators run before anybody has read the configuration, so that it is looked into here: only
    for a name that is an error otherwise.
    """
    from redunlite.config import load_config, resolve_folder

    try:
        names = load_config(resolve_folder(_folder)).options.names
    except RedunliteError:
        return None  # it is told where the configuration is used
    declare_options(names)
    return _declared.get(name)


class CallOptions(TypedDict, total=False):
    """The options that a call may set too, for type checkers; an expression counts as its value."""

    cache: bool
    cache_scope: CacheScope | Literal["NONE", "CSE", "BACKEND"]
    check_valid: CacheCheckValid | Literal["full", "shallow"]
    executor: str
    limits: Sequence[str] | Mapping[str, float]
    nout: int | None
    prov: bool
    tags: Sequence[tuple[str, Any]]
    load_module: str | None
    export_options: Mapping[str, Any]
    retries: int
    retry_delay: float
    timeout: float | None
    memory: float | str | None
    cpus: float
    priority: float


class IdentityOptions(TypedDict, total=False):
    """The options that say which task it is, for type checkers; they belong to the decorator."""

    name: str | None
    namespace: str | None
    version: str | None
    hash_includes: Sequence[Any]
    depends: Sequence[Any]
    ignore: Sequence[Any]
    config_args: Sequence[str]


class TaskOptions(CallOptions, IdentityOptions, total=False):
    """The options of the decorator beside `script`, for type checkers."""


def check_options(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the options in their normal form; only those that were given.

    `cache` becomes the `cache_scope` that it means, unless that is given too; `mode`, as redun has it,
    the executor of that name, and `vcpus` the `cpus`.

    Parameters
    ----------
    given
        Values by option name; expressions are passed on as they are.
    where
        Place for the message, such as ``"@task of 'main'"``.

    Raises
    ------
    OptionError
        For an unknown option, with the nearest name, or for a bad value.
    """
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if name == _MODE:
            name, value = "executor", _read_mode(value, given, where)
        elif name == _VCPUS:
            name = _read_vcpus(given, where)
        option = OPTIONS.get(name) or _others.get(name) or _find_declared(name)
        if option is None:
            raise _unknown_option(name, where)
        if not option.is_in_key and nested.has_lazy(value):
            checked[name] = value
            continue
        try:
            checked[name] = option.check(value)
        except ValueError as error:
            shown = "an expression" if isinstance(value, Lazy) else repr(value)[:80]
            raise OptionError(f"option {name!r} in {where} is {shown}, expected {error}") from None
    if isinstance(checked.get("export_options"), Mapping):
        checked["export_options"] = check_options(
            checked["export_options"], f"export_options of {where}"
        )
    cache = checked.get("cache")
    if isinstance(cache, bool):
        del checked["cache"]
        checked.setdefault("cache_scope", CacheScope.BACKEND if cache else CacheScope.CSE)
    return checked


def combine_options(
    base: Mapping[str, Any], call: Mapping[str, Any], handed: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options in force for a call, and those that it hands down.

    Low to high: the decorator's, those that ancestors export, those of the call. What is not
    recorded stays so below: ``prov=False`` is always handed down and cannot be taken back.

    Parameters
    ----------
    base, call
        What the decorator and the call set, `export_options` among them.
    handed
        What ancestors export.
    """
    own = base.get("export_options") or {}
    exports = call.get("export_options") or {}
    options = {**base, **own, **handed, **call, **exports}
    exported = {**own, **handed, **exports}
    options.pop("export_options", None)
    if options.get("prov") is False or handed.get("prov") is False:
        options["prov"] = exported["prov"] = False
    return options, exported


def get_default(name: str) -> Any:
    """Return what holds when nobody sets option `name`."""
    return OPTIONS[name].default


def iter_call_options() -> Iterable[Option]:
    """Yield the options that a call may set too."""
    return (option for option in (*TABLE, *_declared.values()) if not option.is_in_key)


_MODE, _VCPUS = "mode", "vcpus"


def _read_vcpus(given: Mapping[str, Any], where: str) -> str:
    """Return the option that `vcpus` means."""
    if "cpus" in given:
        raise OptionError(f"options 'vcpus' and 'cpus' in {where} mean the same", "leave one out")
    return "cpus"


def _read_mode(mode: Any, given: Mapping[str, Any], where: str) -> str:
    """Return the name of the executor for a mode."""
    if mode not in ("thread", "process"):
        raise OptionError(f"option 'mode' in {where} is {mode!r}, expected 'thread' or 'process'")
    if "executor" in given:
        raise OptionError(
            f"options 'mode' and 'executor' in {where} exclude each other",
            "an executor has the type that is configured for it",
        )
    return str(mode)


_REDUN_OPTIONS = {
    "source": "version= stands for the source in cache keys",
    "compat": "version= stands for the source in cache keys",
    "allowed_cache_results": "cache_scope= says where results may come from",
}
"""What is told about options of redun's that change what a result depends on."""


def _unknown_option(name: str, where: str) -> OptionError:
    hint = _REDUN_OPTIONS.get(name, "")
    if not hint:
        nearest = find_nearest(name, [*OPTIONS, *_declared]) or find_nearest(name, _others)
        hint = f"did you mean {nearest!r}?" if nearest else f"options are {', '.join(OPTIONS)}"
        hint += "" if nearest else ";"
        hint += f" one of your own is declared in redunlite.ini: [options] names = {name}"
    return OptionError(f"unknown option {name!r} in {where}", hint)
