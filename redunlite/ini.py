"""Reads ini files as the standard library's `configparser` does, with a line for every value.

Decided here: what a file's lines mean, and what ``${name}`` in a value stands for. Not here: which
sections and keys there are (`config`). No state.

The reader is our own because every message names its line, which `configparser` forgets, and because
importing that takes as long as reading ten of these files. `tests/test_ini.py` holds the two to the
same answers.

>>> ini = read_ini("[a]\\nkey = one\\n  two\\nother = ${key}!\\n", "some.ini")
>>> ini.sections["a"]["key"]
Entry(value='one\\ntwo', line=2)
>>> ini.expand("a", "other", {})
'one\\ntwo!'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from redunlite.errors import ConfigError, find_nearest

DEFAULTS = "DEFAULT"
"""The section whose keys hold in every other one."""
MAX_DEPTH = 10
"""How deep a value may stand in another."""


class Entry(NamedTuple):
    """A value as it stands in the file."""

    value: str
    line: int
    """Of its key."""


class Ini(NamedTuple):
    """What is in a file."""

    path: str
    sections: dict[str, dict[str, Entry]]
    lines: dict[str, int]
    """Line of each section's head."""
    defaults: dict[str, Entry]
    """The keys of the section `DEFAULTS`."""

    def expand(self, section: str, key: str, environ: Mapping[str, str]) -> str:
        """Return a value with what its ``${name}`` and ``${section:name}`` stand for; ``$$`` is ``$``.

        A name without a section is a variable of the environment, else a key of the same section,
        else of `DEFAULTS`.

        Raises
        ------
        ConfigError
            For a name that is not there, a ``$`` of another form, or values that stand in each other.
        """
        entry = self._find(section, key)
        assert entry is not None
        return _Expansion(self, f"{self.path}:{entry.line}: {key}", environ).expand(
            section, entry.value, 1
        )

    def _find(self, section: str, key: str) -> Entry | None:
        found = self.sections.get(section, {}).get(key)
        return self.defaults.get(key) if found is None else found


class _Expansion:
    """One value that is being expanded."""

    def __init__(self, ini: Ini, where: str, environ: Mapping[str, str]) -> None:
        self._ini = ini
        self._where = where
        self._environ = environ

    def expand(self, section: str, text: str, depth: int) -> str:
        """Return a text of that section with all names replaced."""
        if depth > MAX_DEPTH:
            raise ConfigError(
                f"{self._where}: values stand in each other, more than {MAX_DEPTH} deep"
            )
        parts: list[str] = []
        while True:
            before, dollar, rest = text.partition("$")
            parts.append(before)
            if not dollar:
                return "".join(parts)
            if rest[:1] == "$":
                parts.append("$")
                text = rest[1:]
                continue
            name, brace, text = rest[1:].partition("}")
            if rest[:1] != "{" or not brace:
                raise ConfigError(
                    f"{self._where}: $ stands before a name, as in ${{name}}; write $$ for $ itself"
                )
            parts.append(self._look_up(section, name, depth))

    def _look_up(self, section: str, name: str, depth: int) -> str:
        home, colon, key = name.rpartition(":")
        if not colon and name in self._environ:
            return self._environ[name]
        where = home if colon else section
        found = self._ini._find(where, key)
        if found is None:
            known = [*self._ini.sections.get(where, {}), *self._ini.defaults]
            nearest = find_nearest(key, known)
            mean = f"; did you mean {nearest!r}?" if nearest else ""
            places = f"[{where}]" if colon else f"[{where}], [{DEFAULTS}] or the environment"
            raise ConfigError(f"{self._where}: ${{{name}}} is not in {places}{mean}")
        return self.expand(where, found.value, depth + 1)


def read_ini(text: str, path: str) -> Ini:
    """Return the sections of a file and the values in them, as they stand there.

    Sections in brackets; ``key = value`` or ``key: value``. A line that is indented more than its
    key's goes on with the value, also after empty lines. Lines that begin with ``#`` or ``;`` are
    comments, also within a value.

    Parameters
    ----------
    text
        Lines end with ``\\n``.
    path
        For messages.

    Raises
    ------
    ConfigError
        For lines that are none of these, and for sections or keys that are there twice.
    """
    ini = Ini(path, {}, {}, {})
    reader = _Reader(ini)
    for number, raw in enumerate(text.split("\n"), 1):
        reader.take(number, raw)
    reader.end_value()
    return ini


class _Reader:
    """Takes the lines of a file, one after another."""

    def __init__(self, ini: Ini) -> None:
        self._ini = ini
        self._keys: dict[str, Entry] | None = None
        """Of the section that the line is in."""
        self._name = ""
        """Of that section."""
        self._key = ""
        """Whose value may go on; empty for none."""
        self._line = 0
        """Of that key."""
        self._value: list[str] = []
        """Lines of that key's value."""
        self._indent = 0

    def take(self, number: int, raw: str) -> None:
        """Take a line."""
        line = raw.strip()
        if not line:
            if self._key:
                self._value.append("")
            return
        if line[0] in "#;":
            return
        indent = len(raw) - len(raw.lstrip())
        if self._key and indent > self._indent:
            self._value.append(line)
            return
        self._indent = indent
        self.end_value()
        where = f"{self._ini.path}:{number}"
        if line[0] == "[" and line.find("]", 2) > 0:
            self._begin_section(line[1 : line.rindex("]")].strip(), number, where)
        else:
            self._begin_value(line, number, where)

    def _begin_section(self, name: str, number: int, where: str) -> None:
        if not name:
            raise ConfigError(f"{where}: expected a section, such as [limits], got '[]'")
        if name in self._ini.sections:
            raise ConfigError(f"{where}: section [{name}] is there twice")
        self._name = name
        if name == DEFAULTS:
            self._keys = self._ini.defaults
            return
        self._keys = self._ini.sections[name] = {}
        self._ini.lines[name] = number

    def _begin_value(self, line: str, number: int, where: str) -> None:
        if line[0] == "[":
            raise ConfigError(f"{where}: expected a section, such as [limits], got {line!r}")
        places = [place for place in (line.find("="), line.find(":")) if place >= 0]
        if not places or not min(places):
            raise ConfigError(f"{where}: expected key = value, got {line!r}")
        if self._keys is None:
            raise ConfigError(f"{where}: expected a section, such as [limits], before {line!r}")
        key, value = line[: min(places)].strip(), line[min(places) + 1 :].strip()
        if key in self._keys:
            raise ConfigError(f"{where}: {key!r} is there twice in [{self._name}]")
        self._key, self._line, self._value = key, number, [value]
        self._keys[key] = Entry(value, number)

    def end_value(self) -> None:
        """Keep the value that has been gathered."""
        if self._key and self._keys is not None:
            self._keys[self._key] = Entry("\n".join(self._value).rstrip(), self._line)
        self._key = ""
