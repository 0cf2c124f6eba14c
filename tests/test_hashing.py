"""Hashes of values: equal for equal values, whichever way they are come by, and kept for ever."""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
import threading
from itertools import combinations
from pathlib import Path
from typing import Any

import make_golden
import pytest

from redunlite import hashing, value  # noqa: F401 - registers the types
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.hashing import token, value_hash
from redunlite.kinds import FORMAT_TOKEN, Lazy, TypeHandler, ValueRef, register_type

VERSIONS = os.path.expanduser("~/.pyenv/versions")
VALUES = make_golden.make_values()
SEEDS = ("0", "1", "2")


def _find_pythons() -> list[str]:
    """Return one interpreter of each supported version that is installed, this one first."""
    found = {sys.version_info[:2]: sys.executable}
    for name in sorted(os.listdir(VERSIONS)) if os.path.isdir(VERSIONS) else ():
        parts = name.split(".")
        path = os.path.join(VERSIONS, name, "bin", "python")
        if parts[0] == "3" and parts[1].isdigit() and 10 <= int(parts[1]) <= 13:
            version = (3, int(parts[1]))
            if version not in found and os.path.exists(path):
                found[version] = path
    return list(found.values())


def _read_golden() -> dict[str, str]:
    with open(make_golden.GOLDEN, encoding="ascii") as file:
        golden: dict[str, str] = json.load(file)
    return golden


def _ref(tok: bytes, flags: int = 0, classes: tuple[str, ...] = ()) -> ValueRef:
    return ValueRef(tok, FORMAT_TOKEN, None, 0, None, "", flags, classes)


class _Expression(Lazy):
    __slots__ = ()


class _Owner:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize("python", _find_pythons(), ids=os.path.dirname)
def test_hashes_equal_the_golden_file_on_each_python_and_seed(python: str) -> None:
    """Each value has one hash, also built from undecoded parts and after a round trip."""
    golden = _read_golden()
    for seed in SEEDS:
        done = subprocess.run(
            [python, "-W", "error", make_golden.__file__],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            check=True,
        )

        assert json.loads(done.stdout) == golden


def test_hashes_equal_the_golden_file_when_the_module_is_imported() -> None:
    """A class has one name, whether its file is run as a program or imported."""
    assert make_golden.compute_hashes() == _read_golden()


def test_golden_hashes_differ_unless_values_are_equal() -> None:
    """No two different values of the golden file share a hash, and equal ones do."""
    golden = _read_golden()
    values = make_golden.make_values()
    for first, second in make_golden.SAME:
        assert golden[first] == golden[second]
    allowed = {frozenset(pair) for pair in make_golden.SAME}
    for first, second in combinations(golden, 2):
        a, b = values[first], values[second]
        if golden[first] == golden[second] and {first, second} not in allowed:
            assert type(a) is type(b) and a == b, (first, second)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_token_is_short_and_plain_ones_decode(name: str) -> None:
    """A token has at most 64 bytes; one without mark gives back the very value."""
    made = VALUES[name]
    tok = token(made)

    assert len(tok) <= 64
    assert len(value_hash(tok)) == 20
    if hashing.is_plain_token(tok):
        decoded = hashing.decode_token(tok)
        assert type(decoded) is type(made)
        assert repr(decoded) == repr(made)
        assert token(decoded) == tok
        assert hashing.type_name_of_token(tok) == f"builtins.{type(made).__name__}"
    else:
        assert len(tok) == 21


@pytest.mark.parametrize(
    "values",
    [
        (1, True, 1.0, "1", b"1", [1], (1,), {1}, frozenset({1}), {1: None}),
        (0.0, -0.0, 0, False, None, "", b"", [], (), set(), frozenset(), {}),
        ([1, [2]], [[1], 2], [1, 2], [[1, 2]]),
        (["ab", "c"], ["a", "bc"], ["abc"]),
        ([1] * 40, [True] * 40, [1.0] * 40, ["1"] * 40, [b"1"] * 40, [None] * 40),
        (["ab"] + ["c"] * 40, ["a", "bc"] + ["c"] * 39),
        ([1, "a"] * 20, ["a", 1] * 20, [1] * 20 + ["a"] * 20),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": "b"}, {"a"}, [("a", "b")]),
        (math.inf, -math.inf, math.nan),
    ],
)
def test_different_values_hash_apart(values: tuple[Any, ...]) -> None:
    """Types, signs, nesting, borders between members and orders all count."""
    assert len({token(made) for made in values}) == len(values)


def test_nans_hash_equal_whatever_their_bits() -> None:
    """There is one NaN, alone and among many numbers."""
    odd = float.fromhex("nan") * -1
    assert token(math.nan) == token(odd) == token(math.inf - math.inf)
    assert token([math.nan, 1.0] * 20) == token([odd, 1.0] * 20)


def test_sharing_and_interning_do_not_count() -> None:
    """Equal values hash equal whatever objects they are made of."""
    text = "".join(["a", "b"])
    shared = [text, (1, 2)]

    assert token([shared, shared]) == token([["ab", (1, 2)], ["ab", (1, 2)]])
    assert token([shared] * 50) == token([["ab", (1, 2)] for _ in range(50)])


def test_shared_parts_are_walked_once() -> None:
    """A value that shares each level twice takes linear time, not 2**60 steps."""
    made: Any = [object]
    for _ in range(60):
        made = [made, made]

    assert len(token(made)) == 21


def test_deep_values_need_no_recursion() -> None:
    """A nesting far beyond the recursion limit has a hash."""
    made: Any = _Owner(x=1)
    for i in range(30_000):
        made = [made] if i % 2 else {"k": made}

    assert len(token(made)) == 21


@pytest.mark.parametrize("n", [1, 5, 31, 32, 33, 200])
@pytest.mark.parametrize(
    "members", ["ints", "floats", "strs", "mixed", "long", "big", "none", "lists"]
)
def test_token_from_references_equals_token_from_values(n: int, members: str) -> None:
    """A container of known tokens hashes like the container of the values."""
    make: Any = {
        "ints": lambda i: i,
        "floats": lambda i: math.nan if i % 7 == 3 else i / 3,
        "strs": lambda i: f"é{i}" if i % 3 else str(i),
        "mixed": lambda i: (i, str(i), None, True, b"x", 0.5)[i % 6],
        "long": lambda i: "x" * (50 + i),
        "big": lambda i: 2**62 + i * 2**60,
        "none": lambda i: None,
        "lists": lambda i: [i] * i,
    }[members]
    values = [make(i) for i in range(n)]
    refs = [_ref(token(made)) for made in values]
    half = [made if i % 2 else ref for i, (made, ref) in enumerate(zip(values, refs))]

    assert token(refs) == token(half) == token(values)
    assert token(tuple(refs)) == token(tuple(values))
    assert token({str(i): ref for i, ref in enumerate(refs)}) == token(
        {str(i): made for i, made in enumerate(values)}
    )
    assert token({"a": [refs, (half,)]}) == token({"a": [values, (values,)]})
    assert token(_Owner(x=refs)) == token(_Owner(x=values))


def test_references_bring_their_classes_and_checks() -> None:
    """The classes of an undecoded part belong to the whole, alone or among many."""
    from redunlite.kinds import FLAG_CHECK

    ref = _ref(b"#" + b"1" * 20, FLAG_CHECK, ("mine:Thing",))
    for made in (ref, [ref], [1, ref], {"a": (ref,)}):
        walk = hashing.Walk()
        walk.run(made)

        assert walk.classes == {"mine:Thing"}
        assert walk.has_check


def test_classes_are_those_of_objects_and_of_classes_as_values() -> None:
    """Standard types are left out; an Enum's, a dataclass's and a class itself count."""
    classes: set[str] = set()
    token(
        [
            make_golden.Point(1, make_golden.Color.RED),
            {"k": make_golden.MyList([make_golden.Slotted])},
            make_golden._raised(),
            make_golden.make_values()["path concrete"],
            {2: make_golden.make_values()["ordered dict"]},
        ],
        classes,
    )

    assert classes == {f"make_golden:{name}" for name in ("Point", "Color", "MyList", "Slotted")}


def test_path_of_what_has_no_hash_is_short_however_deep_it_is() -> None:
    """Its beginning and its end."""
    made: Any = iter(())
    for _ in range(1000):
        made = [0, made]

    with pytest.raises(UnhashableValueError) as caught:
        token(made)

    steps = "[1]" * 10
    assert str(caught.value).startswith(f"cannot hash value{steps}…{steps}: a tuple_iterator")


def test_main_goes_by_the_stem_of_its_file(tmp_path: Path) -> None:
    """What ``__main__`` defines is named as when its file is imported; a file's ending is cut."""
    path = tmp_path / "flow.py"
    path.write_text(
        "from redunlite import hashing\n"
        "class Thing:\n    pass\n"
        "print(hashing.class_name(Thing), hashing.token(Thing()).hex())\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(hashing.__file__)))

    def run(*args: str) -> str:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(tmp_path)])}
        done = subprocess.run([sys.executable, *args], env=env, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    assert run(str(path)).startswith("flow:Thing ")
    assert run(str(path)) == run("-c", "import flow")


def test_main_name_can_be_set_for_a_worker() -> None:
    """A process that stands for another program names classes as that one does."""
    Thing = type("Thing", (), {"__module__": "__main__"})
    hashing.set_main_name("flow")
    try:
        assert hashing.qualified_name(Thing) == "flow:Thing"
    finally:
        hashing.set_main_name(None)


class _Lock:
    def __init__(self) -> None:
        self.handle = threading.Lock()


def _cycle() -> Any:
    made: list[Any] = [1]
    made.append({"b": made})
    return made


def _object_cycle() -> Any:
    made = _Owner()
    made.me = made  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("made", "path"),
    [
        ((i for i in ()), "value"),
        ([1, {"a": [0, iter([])]}], "value[1]['a'][1]"),
        ({"a": [1, 2, 3, _Lock()]}, "value['a'][3].handle"),
        ({3: (threading.Lock(),)}, "value[3][0]"),
        ([_cycle()], "value[0][1]['b']"),
        (_object_cycle(), "value.me"),
        ([ValueError(threading.Lock())], "value[0].args[0]"),
        ({frozenset({(i for i in ())})}, "value.{…}.{…}"),
        ([0] * 50 + [zip()], "value[50]"),
        (make_golden.Slotted(1, [threading.Lock()]), "value.b[0]"),
    ],
    ids=str,
)
def test_unhashable_parts_are_refused_with_their_path(made: Any, path: str) -> None:
    """The message tells where in the value the part is that has no hash."""
    with pytest.raises(UnhashableValueError) as caught:
        token(made)

    assert str(caught.value).startswith((f"cannot hash {path}:", f"cannot hash {path},"))


def test_open_file_is_refused() -> None:
    """An open file has no hash, and the name of the argument is told."""
    with open(os.devnull) as file, pytest.raises(UnhashableValueError, match=r"table\[0\]"):
        token([file], name="table")


def test_expression_in_an_object_is_refused_with_its_path() -> None:
    """An expression where the engine does not look is an error, not a hash."""
    with pytest.raises(HiddenExpressionError, match=r"value\[0\]\.x\['k'\]"):
        token([_Owner(x={"k": _Expression()})])


def test_failing_reduction_of_a_user_class_is_refused() -> None:
    """Whatever a class's own code raises, the error names the part."""

    class Bad:
        def __getstate__(self) -> Any:
            raise ZeroDivisionError("mine")

        __reduce_ex__ = __getstate__  # type: ignore[assignment]

    with pytest.raises(UnhashableValueError, match=r"value\['x'\]"):
        token({"x": Bad()})


def test_filled_cached_property_of_any_base_does_not_count() -> None:
    """Only attributes that are state are hashed; one of another name is."""

    class Derived(make_golden.Plain):
        pass

    made = Derived(a=1)
    before = token(made)
    assert made.slow == 7

    assert token(made) == before
    made.fast = 7  # type: ignore[attr-defined]
    assert token(made) != before


def test_exception_hashes_by_class_arguments_and_attributes() -> None:
    """Where it was raised, and from what, does not count."""

    def raise_it(depth: int) -> None:
        if depth:
            raise_it(depth - 1)
        raise ValueError("a", depth)

    caught = []
    for depth in (1, 5):
        try:
            raise_it(depth)
        except ValueError as error:
            caught.append(error)

    assert token(caught[0]) == token(caught[1]) == token(ValueError("a", 0))
    caught[0].code = 3  # type: ignore[attr-defined]
    assert token(caught[0]) != token(caught[1])
    assert token(KeyError("a", 0)) != token(ValueError("a", 0))


def test_handler_state_takes_memory_without_a_copy() -> None:
    """A memoryview in a state hashes like its bytes, short and long."""

    class Held:
        def __init__(self, data: bytes) -> None:
            self.data = data

    for n in (3, 63, 64, 100_000):
        data = bytes(n)
        register_type(Held, TypeHandler("tests.Held", lambda held: held.data))
        plain = token(Held(data))
        register_type(Held, TypeHandler("tests.Held", lambda held: memoryview(held.data)))

        assert token(Held(data)) == plain


def test_partial_and_methods_hash_by_what_they_bind() -> None:
    """Objects reduced to calls of named functions are told apart by their arguments."""
    made = [functools.partial(int, base=base) for base in (2, 3)]

    assert token(made[0]) != token(made[1])
    assert token([1].index) != token([2].index)


def test_arguments_hash_by_name_and_in_order() -> None:
    """Names and values both count, and borders between them."""
    one, two = token(1), token(2)
    hashes = {
        hashing.args_hash([("a", one), ("b", two)]),
        hashing.args_hash([("b", one), ("a", two)]),
        hashing.args_hash([("ab", one), ("", two)]),
        hashing.args_hash([("a", one)]),
        hashing.args_hash([("a", token((1, 2)))]),
        hashing.args_hash([]),
    }

    assert len(hashes) == 6
    prefix = hashing.arguments_prefix(["a", "b"])
    assert hashing.hash_arguments(prefix, [one, two]) == hashing.args_hash([("a", one), ("b", two)])


def test_digests_of_other_kinds_and_borders_differ() -> None:
    """A digest tells its kind, and where each field ends."""
    a, b = b"a" * 20, b"b" * 20
    hashes = [
        hashing.digest(b"x", b"ab", b"c"),
        hashing.digest(b"x", b"a", b"bc"),
        hashing.digest(b"y", b"ab", b"c"),
        hashing.eval_hash(a, b),
        hashing.eval_hash(b, a),
        hashing.eval_hash(a, b, hashing.hash_classes([("m:C", a)])),
        hashing.call_hash(a, b),
        hashing.call_hash(a, b, a),
    ]

    assert len(set(hashes)) == len(hashes)
    assert {len(h) for h in hashes} == {20}
    assert hashing.hash_classes([]) == b""
    assert hashing.hash_classes([("a", a), ("b", b)]) == hashing.hash_classes([("b", b), ("a", a)])


def test_kept_digests_have_the_written_pre_image() -> None:
    """The pre-images are those of the module's docstring, spelt out by hand."""
    import hashlib

    def sha(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()[:20]

    def size(n: int) -> bytes:
        return n.to_bytes(8, "little")

    one = b"i" + (1).to_bytes(8, "little")
    assert token(1) == one
    assert value_hash(one) == sha(b"redunlite/1/value\n" + size(9) + one)
    assert token([1, "a"]) == b"l\x02\x09" + one + b"\x02sa"
    columns = b"l\xff" + size(40) + b"\x01i" + one[1:] * 40
    assert token([1] * 40) == b"#" + sha(b"redunlite/1/value\n" + size(len(columns)) + columns)
    two = b"l\xff" + size(40) + b"\x00" + b"is" * 20 + one[1:] * 20 + b"\x01" * 20 + b"a" * 20
    assert token([1, "a"] * 20) == b"#" + sha(b"redunlite/1/value\n" + size(len(two)) + two)
    framed = size(1) + size(1) + b"x"
    assert hashing.args_hash([("x", one)]) == sha(b"redunlite/1/args\n" + framed + b"\x09" + one)


def test_preview_of_a_token_is_the_value_s() -> None:
    """A plain token shows itself without the value."""
    assert hashing.preview_token(token([1, "a\x1b"])) == "[1, 'a\\x1b']"
