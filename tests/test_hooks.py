"""Classes that say for themselves how their values are hashed, kept, checked and read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from redunlite import Task, serialize, task
from redunlite.cli.readers import make_reader, read_words
from redunlite.fingerprint import fingerprint_task
from redunlite.hashing import Walk, token
from redunlite.kinds import TypeHandler
from redunlite.testing import WatchedScheduler
from redunlite.value import InvalidValueError, ProxyValue, Value, get_type_registry, register_type

redun_namespace = "test_hooks"

STATE = "HOOKS_STATE"
"""Variable of the environment that holds what values depend on."""


class Plain(Value):
    """Says nothing for itself."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.n = n


class Named(Plain):
    """Has a hash and a name of its own."""

    type_name = "hooks.Named"

    def get_hash(self, data: bytes | None = None) -> str:
        return f"named-{self.n % 10}"


class Twin(Plain):
    """Has a hash of the same text."""

    def get_hash(self, data: bytes | None = None) -> str:
        return f"named-{self.n % 10}"


class Packed(Plain):
    """Has bytes of its own."""

    def serialize(self) -> bytes:
        return b"%d" % self.n

    @classmethod
    def deserialize(cls, raw_type: Any, data: bytes) -> Packed:
        return cls(int(data))


class Wrapped(Plain):
    """Adds to the bytes that every value has."""

    def serialize(self) -> bytes:
        return b">" + super().serialize()

    @classmethod
    def deserialize(cls, raw_type: Any, data: bytes) -> Any:
        assert data[:1] == b">"
        return super().deserialize(raw_type, data[1:])


class Kept(Value):
    """Cannot be made while the state is "closed"."""

    def serialize(self) -> bytes:
        return b"kept"

    @classmethod
    def deserialize(cls, raw_type: Any, data: bytes) -> Any:
        if os.environ[STATE] == "closed":
            raise InvalidValueError("closed")
        return cls()


class Reading(Value):
    """Holds as long as the state is what it was."""

    def __init__(self) -> None:
        self.state = os.environ[STATE]

    def is_valid(self) -> bool:
        return self.state == os.environ[STATE]


@dataclass
class Record(Value):
    """A dataclass with a validity; dataclasses are looked into."""

    state: str

    def is_valid(self) -> bool:
        return self.state == os.environ[STATE]


class Holder:
    """Hides a value in an attribute."""

    def __init__(self, held: Any) -> None:
        self.held = held


class Foreign:
    """Knows nothing of workflows."""

    def __init__(self, n: int) -> None:
        self.n = n


class Child(Foreign):
    """A subclass of it."""


class ForeignValue(ProxyValue):
    """Speaks for it."""

    type = Foreign
    type_name = "hooks.Foreign"

    def get_hash(self, data: bytes | None = None) -> str:
        return f"foreign-{self.instance.n % 10}"

    def is_valid(self) -> bool:
        return self.instance.n < 100

    def serialize(self) -> bytes:
        return b"%d" % self.instance.n

    @classmethod
    def deserialize(cls, raw_type: Any, data: bytes) -> Foreign:
        return Foreign(int(data))

    @classmethod
    def parse_arg(cls, raw_type: Any, arg: str) -> Foreign:
        return raw_type(int(arg.rstrip("f")))


def test_class_without_hooks_is_an_object_like_any_other() -> None:
    """Hash, bytes and name are as if it had no such base; no check is needed."""
    walk = Walk()
    tok = walk.run(Plain(1))

    assert tok == token(Plain(1)) != token(Plain(2))
    assert not walk.has_check
    assert vars(serialize.decode_bytes(serialize.encode_bytes(Plain(3)))) == {"n": 3}
    assert Plain.type_name == serialize.type_name(Plain) == "test_hooks.Plain"
    assert get_type_registry().get_hash(Plain(1)) == Plain(1).get_hash() != Plain(2).get_hash()


def test_own_hash_tells_values_of_a_class_apart() -> None:
    """What it leaves out does not count; the same text of another class does."""
    assert token(Named(1)) == token(Named(11)) != token(Named(2))
    assert token(Named(1)) != token(Twin(1))
    assert serialize.type_name(Named) == "hooks.Named"


def test_own_hash_may_build_upon_the_usual_one() -> None:
    """A call of the base's method does not come back to the own one."""

    class Tagged(Plain):
        def get_hash(self, data: bytes | None = None) -> str:
            return "tagged-" + super().get_hash(data)

    assert token(Tagged(1)) == token(Tagged(1)) != token(Tagged(2))
    assert Tagged(1).get_hash(b"a") == Tagged(2).get_hash(b"a") != Tagged(1).get_hash(b"b")


@pytest.mark.parametrize("cls", [Packed, Wrapped])
def test_own_bytes_are_what_is_kept(cls: type[Plain]) -> None:
    """Also deep in another value; two with other contents differ."""
    values = [cls(1), {"a": cls(2)}]

    made: Any = serialize.decode_bytes(serialize.encode_bytes(values))

    assert (type(made[0]), made[0].n, made[1]["a"].n) == (cls, 1, 2)
    assert token(cls(1)) == token(cls(1)) != token(cls(2))


def test_proxy_speaks_for_another_class() -> None:
    """Hash, bytes, name, validity and text, for its subclasses too."""
    registry = get_type_registry()

    assert token(Foreign(1)) == token(Foreign(11)) != token(Foreign(2))
    assert token(Child(1)) == token(Child(11)) != token(Foreign(1))
    assert serialize.decode_bytes(serialize.encode_bytes([Foreign(7)]))[0].n == 7
    assert registry.get_type_name(Foreign) == "hooks.Foreign"
    assert registry.is_valid_nested([Foreign(99)])
    assert not registry.is_valid_nested([{"a": Holder(Foreign(100))}])
    assert read_words(make_reader(Foreign), ["3f"]).n == 3
    assert type(read_words(make_reader(Child), ["3f"])) is Child


def test_proxy_that_only_reads_text_leaves_the_hash_alone() -> None:
    """What a registered type's handler says goes on to hold."""

    class Mine:
        def __init__(self, n: int) -> None:
            self.n = n

    register_type(Mine, TypeHandler("tests.Mine", lambda m: m.n, lambda m, limit: f"<{m.n}>"))
    before = token(Mine(1))

    class MineValue(ProxyValue):
        type = Mine

        @classmethod
        def parse_arg(cls, raw_type: Any, arg: str) -> Mine:
            return Mine(len(arg))

    assert token(Mine(1)) == before
    assert read_words(make_reader(Mine), ["abc"]).n == 3


def test_code_of_the_classes_counts_for_calls_with_such_values(
    state: Callable[[str], None],
) -> None:
    """That of a value's class, and that of its proxy."""
    walk = Walk()
    walk.run([Named(1), Reading(), Child(1)])

    names = {"Named", "Reading", "Child", "ForeignValue"}
    assert walk.classes == {f"test_hooks:{name}" for name in names}


CONSTANT = Named(1)


def test_constant_of_such_a_class_counts_by_its_source() -> None:
    """With the code of the class, which an own hash does not tell."""

    def use() -> int:
        return CONSTANT.n

    parts = fingerprint_task(use, "use").components
    assert {"CONSTANT", "Named"} <= {part.name for part in parts}


@pytest.mark.parametrize("base", [int, list, object])
def test_proxy_of_a_type_that_is_not_looked_up_is_refused(base: type) -> None:
    """It would be silently ignored."""
    with pytest.raises(TypeError, match=f"Wrong cannot speak for {base.__name__}"):
        type("Wrong", (ProxyValue,), {"type": base})


def test_proxy_of_no_class_is_refused() -> None:
    """A name, say."""
    with pytest.raises(TypeError, match=r"Wrong\.type is not a class: 'Foreign'"):
        type("Wrong", (ProxyValue,), {"type": "Foreign"})


@pytest.mark.parametrize("method", ["preprocess", "postprocess"])
def test_method_that_is_never_called_is_refused(method: str) -> None:
    """Where the class is made, with what to do instead."""
    with pytest.raises(TypeError, match=f"Wrong.{method}: values are not processed around calls"):
        type("Wrong", (Value,), {method: lambda self, args: self})


@task()
def read() -> Reading:
    """Give a value that holds for a while."""
    return Reading()


@task()
def record() -> Record:
    """Give a dataclass that holds for a while."""
    return Record(os.environ[STATE])


@task()
def hold() -> list[Any]:
    """Hide such a value."""
    return [Holder(Reading())]


@task()
def show_reading(reading: Any) -> str:
    """Use such a value."""
    return str(reading.state)


@task()
def show_what_is_there() -> Any:
    """Give an expression with such a value in it."""
    return show_reading(Reading())


@task()
def keep() -> Kept:
    """Give a value that has bytes of its own."""
    return Kept()


@task()
def use(kept: Any) -> int:
    """Use it."""
    return 1


@task()
def keep_and_use() -> Any:
    """Do both."""
    return use(keep())


@pytest.fixture
def scheduler() -> Iterator[WatchedScheduler]:
    """Give a scheduler whose jobs can be counted."""
    made = WatchedScheduler()
    yield made
    made.close()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a test change what values depend on."""
    monkeypatch.setenv(STATE, "first")
    return lambda value: monkeypatch.setenv(STATE, value)


@pytest.mark.parametrize("made_by", [read, record, hold])
def test_recorded_value_that_is_not_valid_is_not_used(
    made_by: Task[..., Any], state: Callable[[str], None], scheduler: WatchedScheduler
) -> None:
    """One that is valid is; wherever in the result it is."""
    scheduler.run(made_by())
    with scheduler.watch() as before:
        scheduler.run(made_by())
    state("second")
    with scheduler.watch() as after:
        scheduler.run(made_by())

    before.assert_cached(made_by)
    assert after.ran(made_by) == 1
    assert after.warnings == []


def test_recorded_call_with_a_value_that_is_not_valid_is_not_used(
    state: Callable[[str], None], scheduler: WatchedScheduler
) -> None:
    """Whoever made the call makes it anew, with the value that there is now."""
    assert scheduler.run(show_what_is_there()) == "first"
    with scheduler.watch() as before:
        scheduler.run(show_what_is_there())
    state("second")
    with scheduler.watch() as after:
        assert scheduler.run(show_what_is_there()) == "second"

    before.assert_cached()
    after.assert_ran(show_what_is_there=1, show_reading=1)
    assert after.warnings == []


def test_recorded_value_that_cannot_be_made_is_not_used(
    state: Callable[[str], None], scheduler: WatchedScheduler
) -> None:
    """Its class may say so; the task that gave it runs again, and what used it does not."""
    scheduler.run(keep_and_use())
    state("closed")
    with scheduler.watch() as jobs:
        scheduler.run(keep_and_use())

    jobs.assert_ran(keep=1)
    assert jobs.warnings == []


PROGRAM = """
from redunlite import run, task
from redunlite.value import Value

class Named(Value):
    def __init__(self, n):
        self.n = n

    def get_hash(self, data=None):
        return f"named-{self.n % 10}"

@task(namespace="program")
def make(n: int) -> Named:
    return Named(n)

@task(namespace="program")
def use(named: Named) -> int:
    return named.n

print(run([use(make(1)), use(Named(11))]))
"""


def test_hooks_of_a_program_without_a_file_hold_in_workers(tmp_path: Path) -> None:
    """A class that reaches a worker by value hashes there as it does here: the second call is cached."""
    done = subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout in ("[1, 1]\n", "[11, 11]\n")
