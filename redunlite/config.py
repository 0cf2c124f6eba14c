"""The configuration: which settings there are, where they come from, and where the folder is.

Decided here: the sections and keys of ``redunlite.ini``, their order of precedence (flag, then
environment, then project, then default), and how `.redunlite/` is found and made. Not here: what
the settings do. No state; nothing is kept between calls.

What a file's lines mean is decided in `ini`, and what redun's settings do here in `redun_settings`.
The sections are named tuples and `Config` is a plain class, because completion reads executors from
here at a TAB and importing `dataclasses` takes 6 ms (Python 3.11).

>>> Config({"executors.default": {"workers": 4}}).executors["default"].workers
4
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from redunlite import redun_settings
from redunlite.errors import ConfigError, UsageError, find_nearest
from redunlite.ini import Ini, read_ini

FOLDER_NAME = ".redunlite"
INI_NAME = "redunlite.ini"
ENVIRONMENT_PREFIX = "REDUNLITE_"
FOLDER_VARIABLE = "REDUNLITE_CONFIG"
EXECUTOR_TYPES = ("process", "thread", "inline")

DEFAULT_INI = """\
# Configuration of redunlite. Every setting is optional; what is shown is its default.

[executors.default]
# process, thread or inline; alias stands for the executor that target names
# type = process
# Number of jobs at one time; default, one a CPU.
# workers =

[limits]
# Units of a named resource that running jobs may hold together; 1 where nothing is set.
# database = 4

[tags]
# Tags of every execution, a key and its value on each line, as run --tag takes them.

[fingerprint]
# How installed packages count as code: version, major or ignore.
# packages = version

[files]
# Above this size, a file's size and time stand for its content.
# content_limit = 1G

[recorder]
# full: what was recorded also survives a power cut; slower.
# durability = normal

[scheduler]
# What happens to other jobs when one fails: finish, fail-fast or keep-going.
# on_failure = finish
# Context variables, as JSON such as {"machine": {"memory": 4}}; and a JSON file with more,
# relative to this folder.
# context = {}
# context_file =
# What makes the scheduler: file.py::function, in this folder or the working folder, or
# module::function.
# setup_scheduler =

[options]
# Task options of this project's own, which its code or its executors read: names with commas.
# names =
"""


class ExecutorConfig(NamedTuple):
    """One executor."""

    name: str
    type: str = "process"
    """``process``, ``thread``, ``inline`` or ``alias``."""
    workers: int = 0
    """How many calls run at one time; always 1 or more in a `Config`."""
    target: str = ""
    """Of an alias: the executor that it stands for."""


class FingerprintConfig(NamedTuple):
    """What counts as code."""

    packages: str = "version"
    """``version``, ``major`` or ``ignore``: what of an installed package is in a task's hash."""


class FilesConfig(NamedTuple):
    """How files are identified."""

    content_limit: int = 1 << 30
    """Bytes above which size and modification time stand for the content."""


class RecorderConfig(NamedTuple):
    """How rows are written."""

    durability: str = "normal"
    """``normal``, or ``full``: every commit is synced to the disk."""


class SchedulerConfig(NamedTuple):
    """How a run goes."""

    on_failure: str = "finish"
    """``finish``, ``fail-fast`` or ``keep-going``: what happens to other jobs when one fails."""
    context: Mapping[str, Any] = {}
    """Context variables of every run."""
    setup_scheduler: str = ""
    """``file.py::function`` or ``module::function``: makes the scheduler of every run."""
    context_file: str = ""
    """Path of a JSON file with context variables, which come before `context`."""


class OptionsConfig(NamedTuple):
    """Task options of the project's own."""

    names: tuple[str, ...] = ()
    """What `options.register_option` is told of."""


class Section(Mapping[str, Any]):
    """The keys of a section that were set, and their values; it does not change.

    `get`, `getint`, `getfloat` and `getboolean` take ``fallback=`` as those of `configparser` do.
    """

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.name = name
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError(
            f"cannot set {key!r} in [{self.name}]: a configuration does not change; "
            "Scheduler(config={…}) takes a dict, such as config.get_config_dict() gives"
        )

    def __repr__(self) -> str:
        return f"<Section: {self.name}>"

    def get(self, key: str, default: Any = None, *, fallback: Any = None) -> Any:
        """Return a value, or what is given instead where it was not set."""
        return self._values.get(key, fallback if default is None else default)

    def getint(self, key: str, default: Any = None, *, fallback: Any = None) -> Any:
        """Return a value as a whole number."""
        return self._convert(int, key, fallback if default is None else default)

    def getfloat(self, key: str, default: Any = None, *, fallback: Any = None) -> Any:
        """Return a value as a number."""
        return self._convert(float, key, fallback if default is None else default)

    def getboolean(self, key: str, default: Any = None, *, fallback: Any = None) -> Any:
        """Return a value that says yes or no, in the words that `configparser` takes."""
        return self._convert(_read_boolean, key, fallback if default is None else default)

    def _convert(self, convert: Any, key: str, instead: Any) -> Any:
        return convert(self._values[key]) if key in self._values else instead


def create_config_section(config_dict: Mapping[str, Any] | None = None) -> Section:
    """Return a section with these keys, as the configuration of an executor of one's own."""
    return Section("section", dict(config_dict or {}))


def _read_boolean(value: Any) -> bool:
    words = {"1": True, "yes": True, "true": True, "on": True,
             "0": False, "no": False, "false": False, "off": False}  # fmt: skip
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError(f"{value!r} is neither yes nor no") from None


class Config:
    """All settings, with defaults where nothing was set; it does not change.

    What was set can be read as from redun's, too: ``config["scheduler"]`` and
    ``config["executors"]["default"]`` are the `Section` of that name, ``config.get("limits", {})``
    gives a default where there is none.

    Parameters
    ----------
    config_dict
        Keys and values by section, as in the file: ``{"executors.default": {"workers": 4}}``;
        ``{"executors": {"default": {"workers": 4}}}`` means the same.

    Raises
    ------
    ConfigError
        For an unknown section, key or executor type, or a bad value.
    """

    __slots__ = (
        "executors",
        "files",
        "fingerprint",
        "folder",
        "limits",
        "notices",
        "options",
        "recorder",
        "scheduler",
        "sections",
        "tags",
    )

    executors: Mapping[str, ExecutorConfig]
    """By name; there is always one called ``default``, and one of each type called like it."""
    limits: Mapping[str, float]
    """Capacity by name of the limit."""
    fingerprint: FingerprintConfig
    files: FilesConfig
    recorder: RecorderConfig
    scheduler: SchedulerConfig
    tags: Mapping[str, Any]
    """Tags of every execution."""
    folder: str | None
    """The `.redunlite` folder that these settings were read for; None for a dict's."""
    options: OptionsConfig
    notices: tuple[str, ...]
    """One line for each section with settings of redun's that do something else here, or nothing."""
    sections: Mapping[str, Section]
    """What was set, by full name of the section."""

    def __init__(self, config_dict: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._fill(_from_dict(config_dict or {}), None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot set {name!r}: a configuration does not change")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _IN_FORCE)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in _IN_FORCE)
        return f"Config({values})"

    def __getitem__(self, name: str) -> Any:
        if name in self.sections:
            return self.sections[name]
        below = {
            full.partition(".")[2]: section
            for full, section in self.sections.items()
            if full.startswith(f"{name}.")
        }
        if not below:
            raise KeyError(name)
        return below

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """Return the names of the sections that were set, up to the first dot."""
        return list(dict.fromkeys(full.partition(".")[0] for full in self.sections))

    def items(self) -> list[tuple[str, Any]]:
        """Return the names with what ``config[name]`` gives."""
        return [(name, self[name]) for name in self.keys()]

    def get(self, name: str, default: Any = None) -> Any:
        """Return what ``config[name]`` gives, or the default where nothing was set."""
        try:
            return self[name]
        except KeyError:
            return default

    def get_config_dict(self) -> dict[str, dict[str, Any]]:
        """Return what was set as a dict, of which `Config` makes an equal configuration."""
        return {name: dict(section) for name, section in self.sections.items()}

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name in ("read_dict", "read_string", "read_path"):
                raise AttributeError(
                    f"Config has no {name!r}: a configuration does not change; "
                    "write Config({…}) with its sections as dicts"
                )
            raise AttributeError(f"'Config' object has no attribute {name!r}")

    @property
    def context(self) -> Mapping[str, Any]:
        """The context variables of every run: those of the file, with those set here on top.

        Raises
        ------
        ConfigError
            When the file cannot be read.
        """
        settings = self.scheduler
        if not settings.context_file:
            return settings.context
        from redunlite.nested import merge_dicts

        path = os.path.join(self.folder or "", settings.context_file)
        return merge_dicts(read_context(path), settings.context)

    def _fill(self, sections: _Sections, folder: str | None) -> None:
        object.__setattr__(self, "folder", folder)
        shown = {
            name: Section(name, {key: setting.value for key, setting in values.items()})
            for name, values in sections.items()
        }
        object.__setattr__(self, "sections", shown)
        executors = {
            name.partition(".")[2]: values
            for name, values in sections.items()
            if name.startswith("executors.")
        }
        for name in ("default", *EXECUTOR_TYPES):
            executors.setdefault(name, {})
        made = {name: _make_executor(name, values) for name, values in executors.items()}
        for name in made:
            _check_alias(name, made, executors)
        made.update(_place_remote(made, executors))
        object.__setattr__(self, "executors", made)
        object.__setattr__(self, "notices", tuple(_iter_notices(sections, made)))
        limits = {name: _capacity(s) for name, s in sections.get("limits", {}).items()}
        object.__setattr__(self, "limits", limits)
        tags = {key: _tag(key, s) for key, s in sections.get("tags", {}).items()}
        object.__setattr__(self, "tags", tags)
        for section, (cls, checks) in _PLAIN.items():
            values = sections.get(section, {})
            object.__setattr__(
                self,
                section,
                cls(**{key: checks[key](s) for key, s in values.items() if key in checks}),
            )


_IN_FORCE = tuple(name for name in Config.__slots__ if name not in ("notices", "sections"))
"""What makes two configurations equal."""


class _Setting(NamedTuple):
    """A value as it was given, and where."""

    value: Any
    where: str
    """Place and key for messages, such as ``redunlite.ini:4: workers``."""


_Sections = dict[str, dict[str, _Setting]]


def _tag(key: str, setting: _Setting) -> Any:
    from redunlite.tags import check_key, parse_tag_value

    try:
        check_key(key)
        return parse_tag_value(setting.value) if isinstance(setting.value, str) else setting.value
    except UsageError as error:
        raise ConfigError(f"{setting.where}: {error.message}") from None


def _one_of(*words: str) -> Any:
    def check(setting: _Setting) -> str:
        if setting.value not in words:
            nearest = find_nearest(str(setting.value), words)
            mean = f"; did you mean {nearest!r}?" if nearest else ""
            raise _refuse(setting, f"{' or '.join(words)}{mean}")
        return str(setting.value)

    return check


def _refuse(setting: _Setting, expected: str) -> ConfigError:
    """Return the error for a value of another kind than expected."""
    text = str(setting.value)
    lines = "".join(text.partition("\n")[1:])
    hint = ""
    if lines:
        hint = "; a line that is indented goes on with the value above it"
    elif " #" in text or " ;" in text:
        hint = "; a comment stands on a line of its own"
    return ConfigError(f"{setting.where} is {text!r}, expected {expected}{hint}")


def _workers(setting: _Setting) -> int:
    if setting.value in ("", None):
        return count_cpus()
    try:
        count = 0 if isinstance(setting.value, bool) else int(str(setting.value))
    except ValueError:
        count = 0
    if count < 1:
        raise _refuse(setting, "a whole number, 1 or more")
    return count


def _capacity(setting: _Setting) -> float:
    try:
        units = float("nan") if isinstance(setting.value, bool) else float(setting.value)
    except (TypeError, ValueError):
        units = float("nan")
    if not 0 <= units < float("inf"):
        raise _refuse(setting, "a number, 0 or more")
    return int(units) if units == int(units) else units


_SIZE_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def _size(setting: _Setting) -> int:
    text = str(setting.value).strip().lower().removesuffix("b").removesuffix("i")
    unit = text[-1:] if text[-1:] in _SIZE_UNITS else ""
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise _refuse(setting, "bytes, such as 500M or 1G")
    return int(number * (1 << _SIZE_UNITS[unit]))


def _json_object(setting: _Setting) -> Mapping[str, Any]:
    value = setting.value
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"{setting.where} is not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise ConfigError(f"{setting.where} is {setting.value!r}, expected a JSON object")
    return value


def _path(setting: _Setting) -> str:
    if not isinstance(setting.value, (str, os.PathLike)):
        raise ConfigError(f"{setting.where} is {setting.value!r}, expected a path")
    return os.fspath(setting.value)


def _setup_function(setting: _Setting) -> str:
    text = str(setting.value)
    place, colons, function = text.partition("::")
    if text and not (colons and place and function.isidentifier()):
        raise ConfigError(
            f"{setting.where} is {text!r}, expected file.py::function or module::function"
        )
    return text


def read_context(path: str) -> Mapping[str, Any]:
    """Return the context variables in a JSON file.

    Raises
    ------
    ConfigError
        When it cannot be read, or holds no JSON object.
    """
    text = _read(path)
    if text is None:
        raise ConfigError(f"there is no context file {path}")
    return _json_object(_Setting(text, path))


def _option_names(setting: _Setting) -> tuple[str, ...]:
    value = setting.value
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        raise _refuse(setting, "names with commas between them")
    for name in names:
        if not str(name).isidentifier():
            raise ConfigError(f"{setting.where} has {name!r}, expected names as of parameters")
    return tuple(map(str, names))


ALIAS = "alias"
_REDUN_MODES = {"threads": "thread", "processes": "process"}
"""As older configurations have it."""
_executor_type = _one_of(*EXECUTOR_TYPES, ALIAS)
_executor_mode = _one_of("process", "thread")
_EXECUTOR_KEYS = ("type", "workers", "target")
_REDUN_EXECUTOR_KEYS = ("mode", "max_workers")
"""Other ways to say the type and the number of workers."""
_PLAIN: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "fingerprint": (FingerprintConfig, {"packages": _one_of("version", "major", "ignore")}),
    "files": (FilesConfig, {"content_limit": _size}),
    "recorder": (RecorderConfig, {"durability": _one_of("normal", "full")}),
    "scheduler": (
        SchedulerConfig,
        {
            "on_failure": _one_of("finish", "fail-fast", "keep-going"),
            "context": _json_object,
            "context_file": _path,
            "setup_scheduler": _setup_function,
        },
    ),
    "options": (OptionsConfig, {"names": _option_names}),
}


def _make_executor(name: str, values: Mapping[str, _Setting]) -> ExecutorConfig:
    kind = _find_type(name, values)
    target = values.get("target")
    if kind == ALIAS:
        if target is None or not target.value:
            where = values["type"].where
            raise ConfigError(f"{where} is 'alias', and no target names the executor it stands for")
        return ExecutorConfig(name, kind, 1, str(target.value))
    if target is not None:
        raise ConfigError(f"{target.where} is set, which only an executor of type alias has")
    if kind == "inline" or _is_remote(values):
        return ExecutorConfig(name, kind, 1 if kind == "inline" else count_cpus())
    given = [values[key] for key in ("workers", "max_workers") if key in values]
    if len(given) > 1:
        raise ConfigError(f"{given[1].where} is set beside workers, which means the same")
    return ExecutorConfig(name, kind, _workers(given[0]) if given else count_cpus())


def _find_type(name: str, values: Mapping[str, _Setting]) -> str:
    """Return the type of an executor, which redun's configuration says in other words."""
    said, mode = values.get("type"), values.get("mode")
    if mode is not None:
        word = str(mode.value)
        mode = mode._replace(value=_REDUN_MODES.get(word, word))
        if not _is_remote(values) and (said is None or said.value in ("local", mode.value)):
            return str(_executor_mode(mode))
        if said is not None:
            raise ConfigError(f"{mode.where} is {word!r}, and the type is {said.value!r}")
    if said is None:
        return name if name in EXECUTOR_TYPES else "process"
    if said.value == redun_settings.LOCAL:
        return "thread"  # as redun has it
    return "process" if _is_remote(values) else str(_executor_type(said))


def _is_remote(values: Mapping[str, _Setting]) -> bool:
    """Tell whether an executor is one of redun's that run jobs elsewhere."""
    return "type" in values and values["type"].value in redun_settings.REMOTE_TYPES


def _place_remote(
    made: Mapping[str, ExecutorConfig], executors: Mapping[str, Mapping[str, _Setting]]
) -> dict[str, ExecutorConfig]:
    """Return executors that let the default one run what redun runs elsewhere.

    A pool of processes for each would take the CPUs several times.
    """
    default = "default"
    while made[default].type == ALIAS:
        default = made[default].target
    return {
        name: ExecutorConfig(name, ALIAS, 1, default)
        for name, values in executors.items()
        if _is_remote(values) and name != default
    }


def _iter_notices(sections: _Sections, executors: Mapping[str, ExecutorConfig]) -> Iterator[str]:
    """Yield a line for each thing of redun's that has another effect here, or none."""
    for section, values in sections.items():
        is_executor = section.startswith("executors.")
        if redun_settings.is_section(section):
            note = next((redun_settings.find_note(section, key) for key in values), "")
            yield f"{_head(section, values)} has no effect here{': ' if note else ''}{note}"
        elif is_executor and _is_remote(values):
            executor = executors[section.partition(".")[2]]
            where = f"at executor {executor.target!r}" if executor.target else "in processes"
            yield (
                f"{_head(section, values)} runs its jobs on this machine, {where}; "
                f"type {values['type'].value} and its options have no effect here"
            )
        else:
            if is_executor and _is_vague(values):
                head = _head(section, values)
                yield f"{head} runs jobs in threads, as in redun; mode = process uses all CPUs"
            yield from _iter_key_notices(section, values)


def _is_vague(values: Mapping[str, _Setting]) -> bool:
    """Tell whether an executor is of this machine without being told how it runs jobs."""
    return (
        "type" in values and values["type"].value == redun_settings.LOCAL and "mode" not in values
    )


def _iter_key_notices(section: str, values: Mapping[str, _Setting]) -> Iterator[str]:
    """Yield a line for the keys without effect that have the same reason."""
    by_note: dict[str, dict[str, _Setting]] = {}
    for key, setting in values.items():
        note = redun_settings.find_note(section, key)
        if note is not None:
            by_note.setdefault(note, {})[key] = setting
    for note, kept in by_note.items():
        have = "has" if len(kept) == 1 else "have"
        yield f"{_head(section, kept)} {', '.join(kept)} {have} no effect here: {note}"


def _head(section: str, values: Mapping[str, _Setting]) -> str:
    """Return what a notice about a section begins with: place of the first setting, and name."""
    first = next(iter(values.values()), None)
    place = first.where.rpartition(": ")[0] if first is not None else ""
    return f"{place}: [{section}]" if place else f"[{section}]"


def _check_alias(
    name: str, made: Mapping[str, ExecutorConfig], executors: Mapping[str, Mapping[str, _Setting]]
) -> None:
    """Raise `ConfigError` when an alias leads nowhere, or back to itself."""
    seen = [name]
    while made[seen[-1]].type == ALIAS:
        target = made[seen[-1]].target
        where = executors[seen[-1]]["target"].where
        if target not in made:
            nearest = find_nearest(target, made)
            mean = f"; did you mean {nearest!r}?" if nearest else ""
            raise ConfigError(f"{where} is {target!r}, which is no executor{mean}")
        if target in seen:
            raise ConfigError(f"{where} leads back: {' → '.join([*seen, target])}")
        seen.append(target)


def count_cpus() -> int:
    """Return how many CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


# Where settings come from.


def load_config(
    folder: str | None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Return the settings in force: flag, then environment, then the folder's file, then default.

    Parameters
    ----------
    folder
        The `.redunlite` folder, or None when there is none yet.
    flags
        What the command line set, by section; see `Config`.

    Raises
    ------
    ConfigError
        For what cannot be read or used, with file and line.
    """
    sections = _read_sections(folder, flags, environ)
    config = Config.__new__(Config)
    config._fill(sections, folder)
    return config


def _read_sections(
    folder: str | None,
    flags: Mapping[str, Mapping[str, Any]] | None,
    environ: Mapping[str, str] | None,
) -> _Sections:
    sections: _Sections = {}
    if folder is not None:
        path = os.path.join(folder, INI_NAME)
        text = _read(path)
        if text is not None:
            sections = _from_ini(read_ini(text, path), os.environ if environ is None else environ)
    for extra in (_from_environment(os.environ if environ is None else environ, sections),
                  _from_dict(flags or {}, "option ")):  # fmt: skip
        for section, values in extra.items():
            sections.setdefault(section, {}).update(values)
    return sections


class SettingInForce(NamedTuple):
    """One setting, and where it comes from."""

    name: str
    """Section and key, such as ``executors.default.workers``."""
    value: Any
    origin: str
    """File and line, environment variable, or ``default``."""


def list_settings(folder: str | None) -> list[SettingInForce]:
    """Return the settings in force for a folder, with the default ones.

    Raises
    ------
    ConfigError
        See `load_config`.
    """
    sections = _read_sections(folder, None, None)
    config = load_config(folder)
    found: list[SettingInForce] = []

    def add(section: str, key: str, value: Any) -> None:
        values = sections.get(section, {})
        other = {"type": "mode", "workers": "max_workers"}.get(key, key)
        name = key if key in values else other
        origin = values[name].where.removesuffix(f": {name}") if name in values else "default"
        found.append(SettingInForce(f"{section}.{key}", value, origin))

    for name, executor in config.executors.items():
        for key in _EXECUTOR_KEYS:
            value = getattr(executor, key)
            if value != "":
                add(f"executors.{name}", key, value)
    for name, capacity in config.limits.items():
        add("limits", name, capacity)
    for section, (_, checks) in _PLAIN.items():
        for key in checks:
            add(section, key, getattr(getattr(config, section), key))
    for key, value in config.tags.items():
        add("tags", key, value)
    for section, values in sections.items():
        for key, setting in values.items():
            if redun_settings.find_note(section, key) is not None:
                origin = f"{setting.where.removesuffix(f': {key}')}, no effect here"
                found.append(SettingInForce(f"{section}.{key}", setting.value, origin))
    return found


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})") from error


def _from_ini(ini: Ini, environ: Mapping[str, str]) -> _Sections:
    """Return the settings in a file; those of ``[DEFAULT]`` hold where a section has such a key."""
    sections: _Sections = {}
    for section, entries in ini.sections.items():
        _check_section(section, f"{ini.path}:{ini.lines[section]}")
        settings = sections[section] = {}
        for key, entry in entries.items():
            where = f"{ini.path}:{entry.line}"
            _check_key(section, key, where)
            is_used = redun_settings.find_note(section, key) is None
            value = ini.expand(section, key, environ) if is_used else entry.value
            settings[key] = _Setting(value, f"{where}: {key}")
        if section in _OPEN_SECTIONS:
            continue
        for key, entry in ini.defaults.items():
            if key not in entries and key in _list_keys(section):
                value = ini.expand(section, key, environ)
                settings[key] = _Setting(value, f"{ini.path}:{entry.line}: {key}")
    return sections


_OPEN_SECTIONS = ("limits", "tags")
"""Sections whose keys are names of the user's own."""


def _check_section(section: str, where: str) -> None:
    if section in _OPEN_SECTIONS or section in _PLAIN or redun_settings.is_section(section):
        return
    if section.startswith("executors.") and section != "executors.":
        return
    nearest = find_nearest(section, [*_OPEN_SECTIONS, *_PLAIN, "executors.default", "backend"])
    mean = f"; did you mean [{nearest}]?" if nearest else ""
    raise ConfigError(f"{where}: unknown section [{section}]{mean}")


def _list_keys(section: str) -> tuple[str, ...]:
    """Return the keys of a section that have an effect."""
    if section.startswith("executors."):
        return (*_EXECUTOR_KEYS, *_REDUN_EXECUTOR_KEYS)
    return tuple(_PLAIN[section][1]) if section in _PLAIN else ()


def _check_key(section: str, key: str, where: str) -> None:
    if section in _OPEN_SECTIONS or redun_settings.find_note(section, key) is not None:
        return
    known = _list_keys(section)
    if key not in known:
        nearest = find_nearest(key, known) or find_nearest(key, redun_settings.list_keys(section))
        mean = f"did you mean {nearest!r}?" if nearest else f"it has {', '.join(known)}"
        if key == "class" and section.startswith("executors."):
            mean = "an executor of your own is given to Scheduler.add_executor in setup_scheduler"
        raise ConfigError(f"{where}: unknown key {key!r} in [{section}]; {mean}")


def _from_dict(settings: Mapping[str, Any], where: str = "configuration: ") -> _Sections:
    sections: _Sections = {}
    for section, values in settings.items():
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"{where}section [{section}] is {values!r}, expected a dict of settings"
            )
        is_nested = section in ("executors", "repos", "federated_tasks")
        nested = (
            {f"{section}.{n}": v for n, v in values.items()} if is_nested else {section: values}
        )
        for name, keys in nested.items():
            _check_section(name, where.rstrip(": "))
            if not isinstance(keys, Mapping):
                raise ConfigError(
                    f"{where}section [{name}] is {keys!r}, expected a dict of settings"
                )
            for key, value in keys.items():
                _check_key(name, key, where.rstrip(": "))
                sections.setdefault(name, {})[key] = _Setting(value, f"{where}{key}")
            sections.setdefault(name, {})
    return sections


def _from_environment(environ: Mapping[str, str], known: _Sections) -> _Sections:
    """Return the settings in variables such as ``REDUNLITE_EXECUTORS_DEFAULT_WORKERS``.

    A name that begins like a section is taken for a setting; others, such as
    ``REDUNLITE_CONFIG``, mean something else.
    """
    sections: _Sections = {}
    for variable, value in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        first, _, rest = variable[len(ENVIRONMENT_PREFIX) :].lower().partition("_")
        if first == "executors":
            name, _, key = rest.rpartition("_")
            for longer in (*_REDUN_EXECUTOR_KEYS, *redun_settings.list_keys("executors")):
                if "_" in longer and rest.endswith(f"_{longer}"):
                    name, key = rest.removesuffix(f"_{longer}"), longer
            section = _match(f"executors.{name}", known)
        elif first == "limits":
            section, key = first, _match(rest, known.get(first, {}))
        elif first in _PLAIN:
            section, key = first, rest
        else:
            continue
        if not key or section == "executors.":
            raise ConfigError(f"environment variable {variable} names no setting")
        _check_key(section, key, f"environment variable {variable}")
        sections.setdefault(section, {})[key] = _Setting(value, f"environment variable {variable}")
    return sections


def _match(name: str, known: Mapping[str, Any]) -> str:
    """Return the known name that is `name` in other letters' case, or `name`."""
    folded = {other.lower().replace("-", "_"): other for other in known}
    return folded.get(name, name)


# Where the folder is.


def find_folder(start: str | None = None) -> str | None:
    """Return the nearest `.redunlite` folder from `start` upwards, or None.

    The search ends at the repository's root, at another owner's folder, and below the home folder,
    whose own `.redunlite` is only taken by a command that is run in the home folder itself: a
    database is code to whoever uses it.

    Parameters
    ----------
    start
        Default, the working folder.
    """
    here = os.path.abspath(start) if start is not None else _working_folder()
    home = os.path.realpath(os.path.expanduser("~"))
    first = here
    while True:
        if here != first and os.path.realpath(here) == home:
            return None
        candidate = os.path.join(here, FOLDER_NAME)
        if os.path.isdir(candidate):
            return candidate if here == first or _is_ours(candidate, first) else None
        if any(os.path.exists(os.path.join(here, mark)) for mark in (".git", ".hg", ".svn")):
            return None
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def _is_ours(folder: str, start: str) -> bool:
    """Tell whether a folder above belongs to this user, or to who owns the working folder."""
    try:
        return os.stat(folder).st_uid in (os.geteuid(), os.stat(start).st_uid)
    except OSError:
        return False


def resolve_folder(
    explicit: str | None = None, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the folder in use: the one named by flag or environment, else the nearest, or None.

    Raises
    ------
    ConfigError
        When a folder is named that does not exist.
    """
    environ = os.environ if environ is None else environ
    for folder, said in ((explicit, "-c"), (environ.get(FOLDER_VARIABLE) or None, FOLDER_VARIABLE)):
        if folder is None:
            continue
        if not os.path.isdir(folder):
            is_file = os.path.exists(folder)
            raise ConfigError(
                f"{said} {folder!r} {'is not a folder' if is_file else 'does not exist'}; "
                "'redunlite init FOLDER' makes FOLDER/.redunlite"
            )
        inner = os.path.join(folder, FOLDER_NAME)
        if os.path.isdir(inner) and not os.path.exists(os.path.join(folder, INI_NAME)):
            folder = inner
        return os.path.abspath(folder)
    return find_folder()


def make_folder(cwd: str | None = None) -> str:
    """Make `.redunlite/` in `cwd`, for its owner only; what is there already is kept.

    Returns
    -------
    The folder's absolute path.

    Raises
    ------
    ConfigError
        When it cannot be made.
    """
    base = os.path.abspath(cwd) if cwd is not None else _working_folder()
    folder = os.path.join(base, FOLDER_NAME)
    try:
        os.makedirs(base, exist_ok=True)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise
        _write_new(os.path.join(folder, ".gitignore"), "*\n")
        _write_new(os.path.join(folder, INI_NAME), DEFAULT_INI)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def _write_new(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise ConfigError("the working folder does not exist any more") from error
