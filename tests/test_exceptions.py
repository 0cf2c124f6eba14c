"""Exceptions as values: whatever a task raises comes to those who ask for it, whole if it can."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make_golden
import pytest
from test_executor_contract import load_flow

from redunlite import Scheduler, catch, exceptions, serialize, value
from redunlite.call import ErrorDetail, Frame
from redunlite.config import Config
from redunlite.errors import RemoteError
from redunlite.hashing import token
from redunlite.kinds import UNDECODED
from redunlite.valuestore import ValueStore

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with 3.11")


class Picky(Exception):
    """Pickle cannot make it again: its arguments are not its parameters."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class NotFound(Exception):
    """Pickle makes another one: its one argument is not its one parameter."""

    def __init__(self, name: str) -> None:
        super().__init__(f"not found: {name}")
        self.name = name


class Named(Exception):
    """Its only argument goes by name."""

    def __init__(self, *, code: int) -> None:
        super().__init__(code)
        self.code = code


class Slotted(Exception):
    """Keeps its attribute in a slot."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__("no")
        self.code = code


class Missing(FileNotFoundError):
    """What it holds lies in C, and is read from arguments that are not its own."""

    def __init__(self, path: str, *, why: str) -> None:
        super().__init__(2, "gone", path)
        self.why = why


class Made(Exception):
    """Also `__new__` takes other arguments."""

    def __new__(cls, a: int, b: int) -> Made:
        return super().__new__(cls, a)

    def __init__(self, a: int, b: int) -> None:
        super().__init__(a)
        self.b = b


class Reduced(Exception):
    """Tells itself how it is pickled."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")
        self.pair = (a, b)

    def __reduce__(self) -> Any:
        return Reduced, self.pair


class Unreduced(Exception):
    """Ends the process that pickles it."""

    def __reduce__(self) -> Any:
        raise SystemExit(3)


class Lying(Exception):
    """Fails when it is asked what it is."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        """Fail."""
        raise RuntimeError("no class")


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self, text: str = "held") -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Mute(Exception):
    """Fails in all that is asked of it."""

    def __str__(self) -> str:
        raise SystemExit("no text")

    __repr__ = __str__

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("no parts")

    @property
    def exceptions(self) -> Any:
        """Fail."""
        raise SystemExit("no members")


def _with(error: Any, **attributes: Any) -> Any:
    error.__dict__.update(attributes)
    return error


def _cyclic() -> Exception:
    error = Exception("round")
    return _with(error, me=error)  # type: ignore[no-any-return]


def _there_and_back(error: BaseException) -> Any:
    return exceptions.decode_exception(exceptions.encode_exception(error))


def _raised(error: BaseException) -> Any:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.fixture
def store(tmp_path: Path) -> ValueStore:
    """A store in a folder of its own."""
    return ValueStore(str(tmp_path / "values"))


WHOLE = {
    "plain": ValueError("a", 1),
    "golden": make_golden.MyError(5, "x"),
    "exit": SystemExit(3),
    "two for one": Picky(1, "no"),
    "one for one": NotFound("a.txt"),
    "by name": Named(code=3),
    "os": FileNotFoundError(2, "gone", "a.txt"),
    "os of its own": Missing("a.txt", why="late"),
    "unicode": UnicodeDecodeError("utf8", b"abc", 0, 1, "odd"),
    "import": ImportError("no", name="n", path="p"),
    "new": Made(1, 2),
    "reduced": Reduced(1, 2),
    "not to be reduced": Unreduced("x"),
    "lying": Lying("x"),
    "notes": _with(ValueError("a"), __notes__=["b"]),
    "cyclic": _cyclic(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_exception_survives_whole(name: str) -> None:
    """Class, arguments, text and attributes are those of what was raised."""
    error = WHOLE[name]
    again = _there_and_back(error)

    assert type(again) is type(error)
    assert (str(again), repr(again.args)) == (str(error), repr(error.args))
    assert repr(vars(again)) == repr(vars(error))


def test_what_lies_outside_of_attributes_survives() -> None:
    """Slots, and what Python's own exceptions keep in C."""
    missing = _there_and_back(Missing("a.txt", why="late"))

    assert _there_and_back(Slotted(404)).code == 404
    assert (missing.errno, missing.filename, missing.why) == (2, "a.txt", "late")
    assert _there_and_back(ImportError("no", name="n", path="p")).name == "n"


@pytest.mark.parametrize("error", [NotFound("a.txt"), [NotFound("a.txt")], {"a": (Picky(1, "b"),)}])
def test_exceptions_in_values_survive_whole(error: Any, store: ValueStore) -> None:
    """One that a task returns, or that lies in what it returns, is no other one for its readers."""
    ref = serialize.encode(error, store)
    ref.obj = UNDECODED
    again = serialize.decode(ref, store)

    assert repr(again) == repr(error)
    assert token(again) == ref.token


def test_stand_in_has_class_text_and_traceback() -> None:
    """What cannot leave at all is told by an error that names it; where it was raised has no hash."""
    first, second = (_there_and_back(_raised(Locked("x"))) for _ in range(2))

    assert (type(first), first.type_name, first.message) == (
        RemoteError,
        f"{__name__}.Locked",
        "x",
    )
    assert str(first) == f"{__name__}.Locked: x"
    lines = first.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{__file__}", line ')
    assert lines[2:] == ["    raise error", f"{__name__}.Locked: x"]
    assert copy.copy(first).traceback == first.traceback
    assert token(first) == token(second) == token(RemoteError(f"{__name__}.Locked", "x"))


def test_exception_that_fails_in_everything_is_named() -> None:
    """No method of the user's class is trusted."""
    for cls in (Mute, Lying):
        again = _there_and_back(_with(cls("x"), lock=threading.Lock()))

        assert (type(again), again.type_name) == (RemoteError, f"{__name__}.{cls.__name__}")


def test_what_was_behind_an_exception_comes_with_a_failure(store: ValueStore) -> None:
    """Cause, and what was being handled; not for one that a task is given, whose hash has neither."""
    try:
        try:
            try:
                raise Locked("first")
            except Locked:
                raise Picky(2, "second")  # noqa: B904
        except Picky as error:
            raise KeyError("third") from error
    except KeyError as error:
        ref = value.encode_error(error, ErrorDetail("KeyError: 'third'", ()), store)
        given = exceptions.encode_exception_value(error, store)
    again = value.decode_error(ref, ErrorDetail("", ()), store)

    assert repr(again.__cause__) == "Picky('2: second')"
    assert again.__cause__ is not None and again.__cause__.__cause__ is None
    behind = again.__cause__.__context__
    assert isinstance(behind, RemoteError) and behind.message == "first"
    given.obj = UNDECODED
    assert serialize.decode(given, store).__cause__ is None
    assert given.token == token(KeyError("third"))


def test_exception_without_a_hash_keeps_its_class_as_a_value(store: ValueStore) -> None:
    """A recovering task gets the very exception; its class and text are its hash."""
    refs = [exceptions.encode_exception_value(error, store) for error in (_cyclic(), _cyclic())]
    other = exceptions.encode_exception_value(Unreduced("x"), store)

    assert refs[0].token == refs[1].token != other.token
    other.obj = UNDECODED
    assert type(serialize.decode(other, store)) is Unreduced


@pytest.mark.parametrize("error", [ValueError("a"), Picky(1, "no"), Locked()], ids=repr)
def test_error_values_are_values(error: Exception, store: ValueStore) -> None:
    """A failure is hashed, encoded and decoded like a result, frames and all."""
    detail = ErrorDetail("ValueError: a", (Frame("f.py", 3, "f", "x"),), ())
    ref = serialize.encode(value.ErrorValue(error, detail), store)
    decoded = serialize.decode(ref, store)

    assert ref.preview == repr(error)
    assert decoded.detail == detail
    assert str(error) in str(decoded.error)
    elsewhere = ErrorDetail("ValueError: a", (), ())
    assert serialize.encode(value.ErrorValue(error, elsewhere), store).token == ref.token


# Groups.


@needs_groups
def test_only_the_members_of_a_group_that_cannot_leave_are_replaced() -> None:
    """Class, message and nesting of a group stay, and so do its other members."""
    locked = _raised(Locked("b"))
    inner = ExceptionGroup("inner", [Locked("c"), Picky(1, "d")])  # noqa: F821
    error = ExceptionGroup("outer", [NotFound("a"), locked, inner])  # noqa: F821
    again = _there_and_back(error)

    assert repr(again) == (
        "ExceptionGroup('outer', [NotFound('not found: a'), "
        f"RemoteError('{__name__}.Locked', 'b'), "
        f"ExceptionGroup('inner', [RemoteError('{__name__}.Locked', 'c'), Picky('1: d')])])"
    )
    assert "in _raised" in again.exceptions[1].traceback
    assert again.exceptions[2].exceptions[1].code == 1


@needs_groups
def test_groups_of_own_classes_stay_what_they_are() -> None:
    """With arguments of their own, with attributes; of those, what cannot leave is left out."""
    cases: list[tuple[Any, Any, list[Any]]] = []

    class Counted(ExceptionGroup[Any]):  # noqa: F821
        def __new__(cls, code: int, members: Any) -> Any:
            made = super().__new__(cls, f"code {code}", members)
            made.code = code
            return made

    class Late(ExceptionGroup[Any]):  # noqa: F821
        def __init__(self, message: str, members: Any) -> None:
            super().__init__(message.upper(), members)
            self.n = len(members)

    for member in (KeyError("a"), Locked()):
        counted = _with(Counted(3, [member, OSError("b")]), held=threading.Lock())
        cases += [(counted, _there_and_back(counted), ["code"])]
        late = Late("late", [member, OSError("b")])
        cases += [(late, _there_and_back(late), ["n"])]

    for error, again, names in cases:
        assert type(again).__name__ == type(error).__name__
        assert again.message == error.message
        assert repr(again.args[0]) == repr(error.args[0])
        assert [getattr(again, name) for name in names] == [getattr(error, n) for n in names]
        assert [type(m) for m in again.exceptions][1] is OSError


@needs_groups
def test_deep_group_keeps_its_outer_part() -> None:
    """A nesting far deeper than pickle goes ends in a stand-in."""
    error: Any = Locked()
    for i in range(3000):
        error = ExceptionGroup(f"level {i}", [error])  # noqa: F821
    again = _there_and_back(error)

    for i in range(exceptions.MAX_GROUPS):
        assert again.message == f"level {2999 - i}"
        again = again.exceptions[0]
    assert type(again) is RemoteError


# In workflows.

FLOW = """
import sys, threading
from redunlite import task

class Locked(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()

class NotFound(Exception):
    def __init__(self, name):
        super().__init__(f"not found: {name}")
        self.name = name

class Unreduced(Exception):
    def __reduce__(self):
        raise SystemExit(3)

@task()
def fail(what):
    if what == "group":
        raise ExceptionGroup("many", [Locked("x"), NotFound("y")])
    if what == "unreduced":
        raise Unreduced("x")
    if what == "surrogate":
        raise ValueError("a\\udc80b")
    if what == "elsewhere":
        sys.path.insert(0, FOLDER)
        import only_there
        raise only_there.Odd("z")
    try:
        raise KeyError("first")
    except KeyError as error:
        raise NotFound("y") from error

@task()
def show(error):
    members = getattr(error, "exceptions", ())
    return [repr(error), *(repr(member) for member in members)]

@task()
def fail_again(error):
    raise NotFound(str(error)) from error
"""


@pytest.fixture(params=["process", "thread", "inline"])
def configured(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduler]:
    """A scheduler with each kind of executor in turn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    made = Scheduler(Config({"executors.default": {"type": request.param, "workers": 1}}))
    yield made
    made.close()


@pytest.fixture
def flow(tmp_path: Path) -> Any:
    """The workflow above, with a module beside it that only one of its tasks can import."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "only_there.py").write_text("class Odd(Exception):\n    pass\n")
    return load_flow(tmp_path, FLOW.replace("FOLDER", repr(str(folder))))


@needs_groups
def test_group_is_caught_and_raised_with_its_members(configured: Scheduler, flow: Any) -> None:
    """By its class, wherever it was raised; the member that could not leave has a stand-in."""
    name = flow.__name__
    expected = [f"RemoteError('{name}.Locked', 'x')", "NotFound('not found: y')"]
    group = ExceptionGroup  # noqa: F821

    caught = configured.run(catch(flow.fail("group"), group, flow.show))
    assert caught == [f"ExceptionGroup('many', [{', '.join(expected)}])", *expected]
    with pytest.raises(group) as raised:
        configured.run(flow.fail("group"))
    assert [repr(member) for member in raised.value.exceptions] == expected


def test_exception_is_raised_with_what_was_behind_it(configured: Scheduler, flow: Any) -> None:
    """The caller of `run` gets the exception as it was raised, and its cause."""
    with pytest.raises(flow.NotFound, match=r"\Anot found: y\Z") as raised:
        configured.run(flow.fail("plain"))

    assert repr(raised.value.__cause__) == "KeyError('first')"
    assert raised.value.name == "y"


def test_failing_recovery_is_recovered_from(configured: Scheduler, flow: Any) -> None:
    """An exception of a recovering task is one like others."""
    first = catch(flow.fail("plain"), flow.NotFound, flow.fail_again)

    with pytest.raises(flow.NotFound, match=r"\Anot found: not found: y\Z"):
        configured.run(first)
    caught = configured.run(catch(first, flow.NotFound, flow.show))
    assert caught == ["NotFound('not found: not found: y')"]


@pytest.mark.parametrize("what", ["unreduced", "surrogate"])
def test_odd_exception_ends_its_job_alone(configured: Scheduler, flow: Any, what: str) -> None:
    """One that ends the process that pickles it, and one whose text no database takes."""
    expected = {"unreduced": "Unreduced('x')", "surrogate": "ValueError('a\\udc80b')"}

    assert configured.run(catch(flow.fail(what), Exception, flow.show)) == [expected[what]]
    with pytest.raises(Exception) as raised:
        configured.run(flow.fail(what))
    assert repr(raised.value) == expected[what]


def test_exception_whose_class_the_main_process_cannot_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flow: Any
) -> None:
    """It is told by its name and text, and can be caught as what it is told by."""
    monkeypatch.chdir(tmp_path)
    made = Scheduler(Config({"executors.default": {"type": "process", "workers": 1}}))
    try:
        with pytest.raises(RemoteError, match=r"\Aonly_there.Odd: z\Z") as raised:
            made.run(flow.fail("elsewhere"))
        assert "in fail\n    raise only_there.Odd" in raised.value.traceback
        caught = made.run(catch(flow.fail("elsewhere"), RemoteError, flow.show))
        assert caught == ["RemoteError('only_there.Odd', 'z')"]
    finally:
        made.close()
