"""Ini files are read as `configparser` reads them, with the line of every key."""

from __future__ import annotations

import configparser
import random
from collections.abc import Mapping

import pytest

from redunlite.errors import ConfigError
from redunlite.ini import Entry, read_ini


class ReferenceInterpolation(configparser.ExtendedInterpolation):
    """Variables of the environment come first, as in redun's own reader."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._environ = environ

    def before_get(self, parser, section, option, value, defaults):  # type: ignore[no-untyped-def]
        """Return a value with what its names stand for."""
        return super().before_get(parser, section, option, value, {**defaults, **self._environ})


def read_with_configparser(
    text: str, environ: Mapping[str, str]
) -> dict[str, dict[str, str]] | None:
    """Return the keys of each section without those of the defaults; None for an error."""
    parser = configparser.ConfigParser(interpolation=ReferenceInterpolation(environ))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
        own = parser._sections  # type: ignore[attr-defined]
        return {name.strip(): {key: parser[name][key] for key in own[name]} for name in own}
    except (configparser.Error, ValueError):
        return None


def read_with_ours(text: str, environ: Mapping[str, str]) -> dict[str, dict[str, str]] | None:
    """Return the same with our reader."""
    try:
        ini = read_ini(text, "x.ini")
        return {
            section: {key: ini.expand(section, key, environ) for key in entries}
            for section, entries in ini.sections.items()
        }
    except ConfigError:
        return None


WORDS = [
    "[a]", "[b.c]", "[DEFAULT]", "[a] ; more", "[]", "[a", "k = v", "k: v", "  more", "\tmore", "    deep",
    "", "  ", "# comment", "  ; comment", "other = 1  # inline", "Key = x", "key = y", "k2 =", "= 1", ": 2 = 3",
    "word", "a = b = c", "a: b = c", "a = b : c", "  indented = 1", "x = ${k}", "x = ${b.c:k}", "y = ${HOME}", "z = $$",
    "q = $x", "q2 = ${", "r = ${nosuch}", "k3 = ${k3}", "s = %(k)s", 'j = {', '  "a": [1,', "  2]}", "]", "[[a]]",
    "\u00a0k4 = v", "é = ü", "k5 = v\\", "  [a]", "k = w", "v = ${x}${x}", "u = {$${k}}", "[x]y]",
]  # fmt: skip


def test_random_files_are_read_as_configparser_reads_them() -> None:
    """Sections, continued values, comments, empty lines, names in values, and what is refused."""
    chance = random.Random(1)
    n_good = 0
    for _ in range(4000):
        lines = ["[a]", "k = 1"] if chance.random() < 0.8 else []
        lines += [chance.choice(WORDS) for _ in range(chance.randrange(8))]
        text = "\n".join(lines) + "\n" * chance.randrange(2)
        expected = read_with_configparser(text, {"HOME": "/h"})

        assert read_with_ours(text, {"HOME": "/h"}) == expected, text
        n_good += expected is not None
    assert n_good > 500


def test_values_over_several_lines_have_the_line_of_their_key() -> None:
    """Comments within are left out, empty lines kept, those at the end are not."""
    text = '# x\n[s]\ncontext =\n  {"a": 1,\n   # a comment\n\n   "b": 2}\n\nlast = 1\n'

    assert read_ini(text, "x.ini").sections == {
        "s": {"context": Entry('\n{"a": 1,\n\n"b": 2}', 3), "last": Entry("1", 9)}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nk = ${kk}\nkind = 1\n", "x.ini:2: k: ${kk} is not in [a], [DEFAULT] or the environment"),
        ("[a]\nk = ${kimd}\nkind = 1\n", "did you mean 'kind'?"),
        ("[a]\nk = ${b:x}\n", "x.ini:2: k: ${b:x} is not in [b]"),
        ("[a]\nk = 5$\n", "x.ini:2: k: $ stands before a name, as in ${name}; write $$ for $ itself"),
        ("[a]\nk = ${k}\n", "x.ini:2: k: values stand in each other"),
    ],
)  # fmt: skip
def test_wrong_names_in_values_are_told_with_their_line(text: str, message: str) -> None:
    """Which name, where it was looked for, and the nearest there is."""
    with pytest.raises(ConfigError) as caught:
        read_with = read_ini(text, "x.ini")
        read_with.expand("a", "k", {})

    assert message in str(caught.value)


def test_values_of_the_environment_are_taken_as_they_are() -> None:
    """A dollar in one is no name; an upper section's value goes on being looked up."""
    ini = read_ini("[DEFAULT]\nbase = ${ROOT}/x\n[a]\nk = ${base}\nROOT = mine\n", "x.ini")

    assert ini.expand("a", "k", {"ROOT": "$5"}) == "$5/x"
    assert ini.expand("a", "k", {}) == "mine/x"
