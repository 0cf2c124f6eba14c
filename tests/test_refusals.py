"""What an error says of a value that cannot be hashed or pickled: which task, which place, which part."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from redunlite import hashing, serialize
from redunlite.errors import UnhashableValueError

HEAD = """\
import os
import socket
import threading

from redunlite import catch, task
from redunlite.context import get_context

redun_namespace = "t"


class Box:
    def __init__(self, lock):
        self.lock = lock


def hold():
    lock = threading.Lock()
    return lambda: lock


def hold_itself():
    inner = []
    inner.append(inner)
    return inner


VALUES = {
    "lock": lambda: threading.Lock(),
    "generator": lambda: (i for i in "ab"),
    "file": lambda: open(os.devnull),
    "socket": lambda: socket.socket(),
    "thread": lambda: threading.Thread(),
    "cyclic": hold_itself,
    "lambda": hold,
    "nested": lambda: {"a": [Box(threading.Lock())]},
}


@task()
def describe(error):
    return str(error)


@task(executor=EXECUTOR)
def takes(x, *rest):
    return 1


@task(executor=EXECUTOR)
def gives(name):
    return VALUES[name]()


@task(executor=EXECUTOR)
def has_context(x=get_context("a")):
    return 1


def make_default(value):
    @task(namespace="t", executor=EXECUTOR)
    def defaults(x=value):
        return 1

    return defaults


def make_closure(value):
    @task(namespace="t", executor=EXECUTOR)
    def closes():
        return len(repr(value))

    return closes


@task()
def case(place, name):
    value = VALUES[name]()
    if place == "argument":
        return takes(value)
    if place == "keyword":
        return takes(x=[1, value, takes(2)])
    if place == "rest":
        return takes(1, 2, value)
    if place == "default":
        return make_default(value)()
    if place == "result":
        return gives(name)
    if place == "closure":
        return make_closure(value)()
    return has_context.update_context({"a": value})()


@task()
def main(places: list):
    return {
        (place, name): catch(case(place, name), TypeError, describe)
        for place in places
        for name in VALUES
    }


"""
GLOBALS = "".join(
    f"G_{name} = VALUES[{name!r}]()\n\n\n@task(name='reads', executor='process')\ndef reads_{name}():\n"
    f"    return len(repr(G_{name}))\n\n\n"
    for name in ("lock", "generator", "socket", "thread", "lambda", "nested")
)
RUN = """\
from redunlite import Scheduler

CONFIG = {"executors": {name: {"type": name} for name in ("process", "thread", "inline")}}
messages = Scheduler(config=CONFIG).run(main(PLACES))
for name in VALUES:
    try:
        Scheduler(config=CONFIG).run(globals()[f"reads_{name}"]())
    except Exception as error:
        messages["global", name] = str(error)
print(messages)
"""

PLACES = {
    "argument": "argument 'x' of task 't.takes'",
    "keyword": "argument 'x' of task 't.takes'",
    "rest": "argument 'rest' of task 't.takes'",
    "default": "default of 'x' of task 't.defaults'",
    "result": "the result of task 't.gives'",
    "closure": "closure variable 'value' of task 't.closes'",
    "context": "context variable 'a' of a call of task 't.has_context'",
    "global": "global 'G_{name}' of task 't.reads'",
}
KINDS = {
    "lock": "a lock",
    "generator": "a generator",
    "file": "a TextIOWrapper",
    "socket": "a socket",
    "thread": "._started._cond._lock, a lock",
    "cyclic": "it contains itself",
    "lambda": "closure variable 'lock' of function 'hold.<locals>.<lambda>'",
    "nested": "['a'][0].lock, a lock",
}
BY_PICKLE = ("default", "closure", "global", "context")
"""Places of which cloudpickle decides, which takes files and values that hold themselves."""


@pytest.mark.parametrize("executor", ["process", "thread", "inline"])
def test_refusal_names_task_place_and_part(tmp_path: Path, executor: str):
    """Whatever is refused, wherever it stands: the message says which task, which place and which part."""
    name = "default" if executor == "process" else executor
    (tmp_path / "flow.py").write_text(f"EXECUTOR = {name!r}\n{HEAD}")
    places = [place for place in PLACES if place != "global"]
    words = [sys.executable, "-m", "redunlite", "run", "-q", "flow.py", "main"]
    done = subprocess.run(
        [*words, "--places", json.dumps(places)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    check_messages(ast.literal_eval(done.stdout), places)


@pytest.mark.parametrize("executor", ["process", "thread", "inline"])
def test_refusal_names_task_place_and_part_in_a_program_without_file(tmp_path: Path, executor: str):
    """So it does where functions go to the workers by value, with the globals that they read."""
    places = [place for place in PLACES if place != "global"]
    text = f"EXECUTOR = {executor!r}\nPLACES = {places}\n{HEAD}{GLOBALS}{RUN}"
    done = subprocess.run(
        [sys.executable, "-"], input=text, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    check_messages(ast.literal_eval(done.stdout), list(PLACES))


def check_messages(messages: dict[tuple[str, str], object], places: list[str]) -> None:
    """Check the message of each place and value."""
    wrong = []
    for place in places:
        for value, kind in KINDS.items():
            if place in BY_PICKLE and value in ("file", "cyclic"):
                continue
            expected = PLACES[place].format(name=value)
            message = messages[place, value]
            if not (isinstance(message, str) and expected in message and kind in message):
                wrong.append((place, value, message))
    assert wrong == []


def test_command_shows_the_message(tmp_path: Path):
    """The refusal of a task's result is what the command prints, with what to do."""
    (tmp_path / "flow.py").write_text(
        "from redunlite import task\n\n\n@task()\ndef main():\n    return [n for n in 'ab'], (n for n in 'ab')\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "redunlite", "run", "flow.py", "main"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    expected = "cannot hash the result of task 'main', at [1]: a generator can be read only once; make it a list"
    assert expected in done.stderr


def test_value_that_nobody_names_is_called_value():
    """Where no task is concerned the message has the place alone."""
    with pytest.raises(UnhashableValueError, match=r"^cannot hash value\['a'\]\[1\]: a generator"):
        hashing.token({"a": [1, (n for n in "ab")]})


def test_part_that_cannot_be_pickled_is_found_in_objects_and_functions():
    """The message names the innermost part, and the function or attributes that lead to it."""
    import threading

    class Holder:
        def __init__(self) -> None:
            self.parts = [threading.Lock()]

    holder = Holder()

    def inner() -> object:
        return holder

    with pytest.raises(UnhashableValueError) as caught:
        serialize.encode_bytes({"call": [inner]})

    message = str(caught.value)
    assert message.startswith("cannot pickle closure variable 'holder' of function")
    assert "at .parts[0], a lock: TypeError: cannot pickle '_thread.lock' object" in message
    assert message.endswith("make it inside the function")
