"""Exceptions as plain data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite import tracebacks
from redunlite.call import Frame
from redunlite.tracebacks import describe_exception, format_frames


def catch(function, *args) -> BaseException:
    """Return the exception that a call raises."""
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def divide(x):
    return 1 / x


def parse(text):
    return json.loads(text)


def recurse(n):
    return recurse(n - 1) if n else divide(0)


def test_frames_have_place_and_text():
    """Each frame has file, line, function and the source line."""
    detail = describe_exception(catch(divide, 0))

    frame = detail.frames[-1]
    assert (frame.file, frame.name, frame.text) == (__file__, "divide", "return 1 / x")
    assert frame.line == divide.__code__.co_firstlineno + 1
    assert detail.summary == "ZeroDivisionError: division by zero"
    assert format_frames([frame]) == [
        f'  File "{__file__}", line {frame.line}, in divide',
        "    return 1 / x",
    ]


def test_frames_of_the_standard_library_are_left_out():
    """What happens inside the standard library is told by the user's line that called it."""
    detail = describe_exception(catch(parse, "{"))

    assert [f.name for f in detail.frames] == ["catch", "parse"]
    assert len(detail.all_frames) > 2
    assert "JSONDecodeError" in detail.summary


def test_frames_of_redunlite_are_left_out():
    """Frames of redunlite between the user's are dropped."""
    from redunlite.nested import map_leaves

    detail = describe_exception(catch(map_leaves, [0], divide))

    assert [f.name for f in detail.frames] == ["catch", "divide"]
    assert any("redunlite" in f.file and f.name != "divide" for f in detail.all_frames)


def test_package_frames_count_below_the_users(tmp_path, monkeypatch):
    """An installed package's frames are shown below the user's first, and not above it."""
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "caller_lib.py").write_text("def call(f, *args):\n    return f(*args)\n")
    monkeypatch.syspath_prepend(str(site))
    import caller_lib

    above = describe_exception(catch_without_frame(caller_lib.call, divide, 0))
    below = describe_exception(catch(caller_lib.call, divide, 0))

    assert [f.name for f in above.frames] == ["divide"]
    assert [f.name for f in below.frames] == ["catch", "call", "divide"]


def catch_without_frame(function, *args) -> BaseException:
    """Return the exception that a call raises, without the frame of this function."""
    error = catch(function, *args)
    assert error.__traceback__ is not None
    return error.with_traceback(error.__traceback__.tb_next)


def test_deep_recursion_folds():
    """The middle of a deep recursion is one line that tells how much there is."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        error = catch(recurse, 2000)
    finally:
        sys.setrecursionlimit(limit)

    detail = describe_exception(error)

    assert len(detail.frames) == 2 * tracebacks.KEPT_FRAMES + 1
    fold = detail.frames[tracebacks.KEPT_FRAMES]
    assert fold == Frame("", 1983, "recurse", "… 1,983 more `recurse` …")
    assert format_frames([fold]) == ["  … 1,983 more `recurse` …"]


def test_recursion_error_is_told():
    """An endless recursion is described within the recursion limit."""

    def forever():
        forever()

    detail = describe_exception(catch(forever))

    assert "RecursionError" in detail.summary
    assert len(detail.frames) == 2 * tracebacks.KEPT_FRAMES + 1


def test_syntax_error_keeps_its_lines():
    """The summary of a syntax error shows the line and where it went wrong."""
    detail = describe_exception(catch(compile, "x = = 1", "flow.py", "exec"))

    lines = detail.summary.splitlines()
    assert 'File "flow.py", line 1' in lines[0]
    assert "x = = 1" in lines[1]
    assert "SyntaxError" in lines[-1]


def test_cause_and_context_become_one_line_each():
    """A chain of exceptions folds to the last one and a line for each behind it."""

    def raise_from():
        try:
            try:
                divide(0)
            except ZeroDivisionError as error:
                raise KeyError("x") from error
        except KeyError:
            raise ValueError("bad\nvalue")  # noqa: B904

    summary = describe_exception(catch(raise_from)).summary

    assert summary.splitlines() == [
        "ValueError: bad",
        "value",
        "(while handling KeyError: 'x')",
        "(caused by ZeroDivisionError: division by zero)",
    ]


def test_cyclic_chain_ends():
    """Exceptions that are each other's cause are told once."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one

    assert tracebacks.summarize_exception(one).splitlines() == [
        "ValueError: one",
        "(caused by ValueError: two)",
    ]


def test_suppressed_context_is_not_told():
    """`from None` hides what was being handled."""

    def hide():
        try:
            divide(0)
        except ZeroDivisionError:
            raise ValueError("clear") from None

    assert describe_exception(catch(hide)).summary == "ValueError: clear"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with 3.11")
def test_notes_and_groups_are_told():
    """Notes follow the message; the members of a group are listed."""
    error = ValueError("bad")
    error.add_note("file: a.txt")
    group = ExceptionGroup("several", [error, KeyError("k")])  # noqa: F821

    assert tracebacks.summarize_exception(error) == "ValueError: bad\nfile: a.txt"
    assert tracebacks.summarize_exception(group).splitlines() == [
        "ExceptionGroup: several (2 sub-exceptions)",
        "  ValueError: bad",
        "  KeyError: 'k'",
    ]


def test_exception_whose_text_fails_is_told():
    """A class that raises in `__str__` is still named."""

    class BadError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    assert "BadError" in tracebacks.summarize_exception(BadError())


def test_huge_message_is_cut():
    """A message of a megabyte is cut to what a person may read."""
    summary = tracebacks.summarize_exception(ValueError("x" * 1_000_000))

    assert len(summary) == tracebacks.MAX_SUMMARY
    assert summary.endswith("…")


def test_project_under_a_home_folder_is_no_library():
    """Only the interpreter's own folders, redunlite's and frozen modules are library files."""
    assert tracebacks.is_library_file(json.__file__)
    assert tracebacks.is_library_file(tracebacks.__file__)
    assert tracebacks.is_library_file("<frozen importlib._bootstrap>")
    assert not tracebacks.is_library_file(pytest.__file__)
    assert tracebacks.is_installed_file(pytest.__file__)
    assert not tracebacks.is_library_file(str(Path.home() / "project" / "flow.py"))


LIBRARY_FLOW = """
from redunlite import catch, task
from redunlite.control import throw
from redunlite.functools import apply_func, as_task, compose, eval_, flatten, no_prov, zip_


def boom(*args):
    raise ValueError("boom")


@task
def fail(*args):
    return boom()


@task
def recover(error):
    raise KeyError("recovery") from error


@task
def main(name: str):
    return {
        "process": lambda: apply_func(boom, 1),
        "inline": lambda: apply_func.options(executor="inline")(boom, 1),
        "thread": lambda: apply_func.options(executor="thread")(boom, 1),
        "as_task": lambda: as_task(boom)(1),
        "compose": lambda: compose(boom, boom)(1),
        "eval": lambda: eval_("f()", f=boom),
        "syntax": lambda: eval_("1 +"),
        "no_prov": lambda: no_prov(fail(1)),
        "zip": lambda: zip_(1, 2),
        "flatten": lambda: flatten([1]),
        "throw": lambda: throw(ValueError("thrown")),
        "catch": lambda: catch(fail(), ValueError, recover),
    }[name]()
"""
FORMS = "process inline thread as_task compose eval syntax no_prov zip flatten throw catch"


@pytest.mark.parametrize("name", FORMS.split())
def test_failure_in_a_task_of_the_library_shows_only_the_users_frames(tmp_path, name):
    """Its job is told with its arguments; the line of the library that it stands in is nobody's concern."""
    (tmp_path / "flow.py").write_text(LIBRARY_FLOW)
    root = Path(__file__).resolve().parent.parent

    done = subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "-q", "flow.py", "main", "--name", name],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
    )  # fmt: skip

    lines = [line.removeprefix("[redunlite] ") for line in done.stderr.splitlines()]
    files = {line.split('"')[1] for line in lines if 'File "' in line}
    assert done.returncode == 1
    assert str(tmp_path / "flow.py") in files
    assert files <= {str(tmp_path / "flow.py"), "<string>"}
    assert ('    raise ValueError("boom")' in lines) == (
        name not in ("syntax", "zip", "flatten", "throw", "catch")
    )
