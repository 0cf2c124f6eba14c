"""Values as bytes: fresh on each decoding, composed from undecoded parts, by name where names reach."""

from __future__ import annotations

import marshal
import math
import os
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import make_golden
import numpy as np
import pytest

import redunlite
from redunlite import serialize
from redunlite.call import WIRE_BYTES
from redunlite.errors import (
    HiddenExpressionError,
    UndecodableError,
    UnhashableValueError,
)
from redunlite.hashing import token, value_hash
from redunlite.kinds import (
    FLAG_FILE,
    FORMAT_BUFFERS,
    FORMAT_EXPRESSION,
    FORMAT_PARTS,
    FORMAT_PICKLE,
    FORMAT_TOKEN,
    Lazy,
    ValueRef,
)
from redunlite.serialize import (
    ARGUMENTS_BYTES,
    compose,
    decode,
    decode_arguments,
    encode,
    encode_arguments,
)
from redunlite.valuestore import ValueStore

VALUES = make_golden.make_values()


class _Expression(Lazy):
    __slots__ = ()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ValueStore]:
    """A store in a folder of its own."""
    yield ValueStore(str(tmp_path / "values"))


def _undecoded(made: Any, store: ValueStore) -> ValueRef:
    """Return a reference as the main process has it: without the live object."""
    ref = encode(made, store)
    return ValueRef(
        ref.token,
        ref.format,
        ref.data,
        ref.size,
        ref.preview,
        ref.type_name,
        ref.flags,
        ref.classes,
    )


@pytest.mark.parametrize(
    ("made", "form"),
    [
        (5, FORMAT_TOKEN),
        (None, FORMAT_TOKEN),
        ("x" * 63, FORMAT_TOKEN),
        ([1, {"a": (2.5, None)}], FORMAT_TOKEN),
        ("x" * 64, FORMAT_PICKLE),
        ({1, 2}, FORMAT_PICKLE),
        (list(range(50)), FORMAT_PICKLE),
        (make_golden.Point(1, 2), FORMAT_PICKLE),
        (np.arange(5), FORMAT_PICKLE),
        (np.zeros(20_000), FORMAT_BUFFERS),
        (os.path, FORMAT_PICKLE),
    ],
    ids=str,
)
def test_encoded_value_decodes_to_an_equal_one(made: Any, form: str, store: ValueStore) -> None:
    """Each form gives the value back, with its size, class and token."""
    ref = _undecoded(made, store)
    decoded = decode(ref, store)

    assert ref.format == form
    assert token(decoded) == token(made) == ref.token
    assert type(decoded) is type(made)
    assert ref.type_name == serialize.type_name(type(made))
    assert (ref.preview is None) == (form == FORMAT_TOKEN)
    assert ref.size == (0 if form == FORMAT_TOKEN else ref.size)


@pytest.mark.parametrize(
    "made",
    [[1, 2], {"a": [1]}, [[1, "x" * 100]], bytearray(b"abc"), np.arange(4.0), np.zeros(20_000)],
    ids=["token", "nested", "pickle", "bytearray", "array", "buffers"],
)
def test_each_decoding_is_fresh(made: Any, store: ValueStore) -> None:
    """What one call does to its argument reaches neither the next nor the stored bytes."""
    for ref in (encode(made, store), compose([encode(made, store)], store)):
        first = decode(ref, store)
        inner = first if ref.token == token(made) else first[0]
        if isinstance(inner, dict):
            inner["a"].append("changed")
        else:
            inner[0] = 77

        assert token(decode(ref, store)) == ref.token
        assert token(first) != ref.token


def test_large_values_go_to_the_store(store: ValueStore) -> None:
    """Above the wire's limit the bytes lie in a file, and the reference holds none."""
    ref = encode("x" * (WIRE_BYTES + 1), store)

    assert ref.flags & FLAG_FILE
    assert ref.data is None
    assert store.exists(value_hash(ref.token), ref.size)
    assert decode(ref, store) == "x" * (WIRE_BYTES + 1)
    small = encode("x" * 1000, store)
    assert not small.flags & FLAG_FILE
    assert len(small.data or b"") == small.size


def test_large_arrays_are_mapped_aligned_and_writable(store: ValueStore) -> None:
    """Buffers are neither copied nor misaligned, in whatever order their arrays lie."""
    made = {
        "a": np.arange(30_000, dtype="f8"),
        "b": np.asfortranarray(np.arange(60_000).reshape(200, 300)),
        "c": np.arange(7),
        "s": np.arange(100_000)[::3],
    }
    decoded = decode(_undecoded(made, store), store)

    for name, array in made.items():
        np.testing.assert_array_equal(decoded[name], array)
        assert decoded[name].flags.writeable
    assert decoded["a"].ctypes.data % 64 == 0
    assert decoded["b"].flags.f_contiguous
    assert not decoded["a"].flags.owndata


def test_two_encodings_of_one_value_may_share_a_name(store: ValueStore) -> None:
    """A reference reads what lies under its hash, whichever way it was encoded there."""
    parts = ["x" * 200 + str(i) for i in range(1000)]
    composed = compose([_undecoded(part, store) for part in parts], store)
    whole = encode(parts, store)

    assert composed.token == whole.token
    assert composed.format != whole.format
    assert decode(composed, store) == decode(whole, store) == parts


@pytest.mark.parametrize("encoded", [encode, compose, lambda v, _: serialize.encode_inline(v)])
def test_references_deep_in_a_value_stand_for_what_they_refer_to(encoded, store) -> None:
    """In plain containers and others, as a dict's key and beside an exception; never kept as such."""
    path, error = encode(Path("a"), store), encode(ValueError("no"), store)
    shapes = [
        lambda part: (True, part),
        lambda part: [[1, (part,)], OrderedDict(x=[part])],
        lambda part: OrderedDict([("x", (1, [part]))]),
        lambda part: {part: {"k": frozenset([part, 2])}},
        lambda part: [part] * 40 + [[part]] * 40,
    ]
    for shape in shapes:
        ref = encoded(shape(path), store)
        assert ref.token == token(shape(Path("a")))
        assert decode(ref, store) == shape(Path("a"))
        assert "ValueRef" not in (ref.preview or "")
    held = decode(encoded(OrderedDict(x=[error]), store), store)
    assert repr(held["x"]) == "[ValueError('no')]"


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(VALUES))
def test_composed_value_equals_the_concrete_one(name: str, levels: int, store: ValueStore) -> None:
    """Built from references at any level: same token, same class, decodes to the same."""
    made = VALUES[name]
    if name in ("very deep", "error attribute"):
        pytest.skip("covered apart")
    parts = make_golden._replace_members(made, store, levels)
    ref = compose(parts, store)

    assert ref.token == token(made)
    assert ref.type_name == serialize.type_name(type(made))
    decoded = decode(ref, store)
    assert type(decoded) is type(made)
    assert token(decoded) == ref.token


def test_composing_decodes_no_leaf(store: ValueStore) -> None:
    """Parts in list, tuple and dict stay as they are, be they damaged even."""
    good = _undecoded(make_golden.Point(1), store)
    bad = ValueRef(
        b"#" + b"1" * 20, FORMAT_PICKLE, b"\x80\x05broken", 8, "broken", "m.C", 0, ("m:C",)
    )
    ref = compose([good, {"k": (bad, 5)}], store)

    assert ref.format == FORMAT_PARTS
    assert ref.classes == ("m:C", "make_golden:Point")
    assert ref.preview == "[Point(x=1, y=0), {'k': (broken, 5)}]"
    with pytest.raises(UndecodableError):
        decode(ref, store)


def _share(n: int, leaf: Any, cls: type) -> Any:
    """Return a container that holds one container twice, which holds one twice, n times over."""
    made = leaf
    for _ in range(n):
        made = {"a": made, "b": made} if cls is dict else cls([made, made])
    return made


def _descend(value: Any) -> tuple[int, Any]:
    """Return how deep a shared value is, and its leaf; checks that both members are one object."""
    n = 0
    while isinstance(value, (list, tuple, dict)):
        first, second = value.values() if isinstance(value, dict) else value
        assert first is second
        value, n = first, n + 1
    return n, value


@pytest.mark.parametrize("n", [30, 260, 3000])
@pytest.mark.parametrize("cls", [list, tuple, dict])
def test_containers_may_be_shared_and_nested_to_any_depth(
    cls: type, n: int, store: ValueStore
) -> None:
    """Each is written and made once, where 2 to the power of the depth would not end."""
    point = _undecoded(make_golden.Point(1), store)
    for made in (
        encode(_share(n, 7, cls), store),
        compose(_share(n, 7, cls), store),
        compose(_share(n, point, cls), store),
    ):
        depth, leaf = _descend(decode(made, store))

        assert (depth, made.size < 400 * n) == (n, True)
        assert leaf in (7, make_golden.Point(1))
    assert compose(_share(n, point, cls), store).token == token(
        _share(n, make_golden.Point(1), cls)
    )


def test_object_in_several_places_stays_one(store: ValueStore) -> None:
    """Also where it lies in containers that are composed."""
    point, other = make_golden.Point(1), _undecoded(make_golden.Point(2), store)
    made = decode(compose([point, {"a": point}, other, (other,)], store), store)

    assert made[0] is made[1]["a"] and made[2] is made[3][0]
    assert made[0] is not made[2]


def test_deep_container_of_a_main_class_is_encoded(
    store: ValueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes of `__main__` are named by a pickler that has less room; what it cannot do, parts can."""
    here = sys.modules["__main__"]

    class Local:
        pass

    Local.__module__, Local.__qualname__ = "__main__", "Local"
    monkeypatch.setattr(here, "Local", Local, raising=False)

    depth, leaf = _descend(decode(encode(_share(700, Local(), list), store), store))

    assert (depth, type(leaf)) == (700, Local)


def test_objects_that_hold_one_another_too_deep_are_refused(store: ValueStore) -> None:
    """With what may be nested deeper."""
    made: Any = None
    for _ in range(100_000):  # Python 3.13 pickles some thousands
        made = make_golden.Point(made)

    with pytest.raises(UnhashableValueError, match="too deep for pickle; lists, tuples and dicts"):
        encode(made, store)


@pytest.mark.parametrize(
    ("mark", "program", "leaves", "value"),
    [
        (b"RLparts1", [1, "t", 1, 2, "d", 2, "l", 2], [7, "a", 5], [(7,), {"a": 5}]),
        (
            b"RLparts2",
            [1, "l", 1, "k", 0, 1, "a", 0, "d", 2, "a", 0, "t", 3],
            [7, "a"],
            ([7], {"a": [7]}, [7]),
        ),
    ],
)
def test_parts_are_read_as_they_were_written_once(
    mark: bytes, program: list[Any], leaves: list[Any], value: Any
) -> None:
    """Without and with containers that stand in several places."""
    assert serialize.decode_bytes(mark + pickle.dumps((program, leaves), 5)) == value


def test_composing_scalars_gives_plain_pickle(store: ValueStore) -> None:
    """A list of small results is stored like any list; a short one is its own token."""
    refs = [_undecoded(i, store) for i in range(100)]
    ref = compose(refs, store)
    assert ref.format == FORMAT_PICKLE
    assert pickle.loads(ref.data or b"") == list(range(100))
    assert compose(refs[:3], store).format == FORMAT_TOKEN


def test_composing_decodes_where_equality_asks_for_it(store: ValueStore) -> None:
    """Members of sets and keys of dicts are compared as values: 1 and True are one member.

    Which of the two stays does not depend on where they lie in memory.
    """
    one, true = _undecoded(1, store), _undecoded(True, store)
    keys = compose({one: "a", _undecoded((1, 2), store): "b"}, store)
    made = compose(make_golden.Point([_undecoded({1, 2}, store)]), store)
    ordered = compose(OrderedDict(a=one), store)
    inside = compose([{"s": {one, true}}, make_golden.Pair(one, 2)], store)

    assert decode(compose({one, true}, store), store) == {1}
    assert compose({one, true}, store).token == token({True})
    assert compose(frozenset({_undecoded(1.0, store), one}), store).token == token(frozenset({1.0}))
    assert keys.token == token({1: "a", (1, 2): "b"})
    assert made.token == token(make_golden.Point([{1, 2}]))
    assert ordered.token == token(OrderedDict(a=1))
    assert inside.token == token([{"s": {True}}, make_golden.Pair(1, 2)])


def test_composing_keeps_large_parts_in_their_files(store: ValueStore) -> None:
    """A large part is named, not copied."""
    large = _undecoded(bytes(1_000_000), store)
    ref = compose([large, large], store)

    assert ref.size < 1000
    assert decode(ref, store) == [bytes(1_000_000)] * 2


def test_composing_refuses_expressions_and_cycles(store: ValueStore) -> None:
    """What has no hash is refused before anything is stored."""
    cyclic: list[Any] = [_undecoded({1}, store)]
    cyclic.append(cyclic)

    with pytest.raises(UnhashableValueError):
        compose(cyclic, store)
    with pytest.raises(HiddenExpressionError):
        compose([_Expression()], store)


def test_deep_values_are_encoded_without_recursion(store: ValueStore) -> None:
    """Lists nested far beyond the recursion limit go through encoding, composing and decoding."""
    made: Any = make_golden.Point(1)
    for i in range(20_000):
        made = [made] if i % 2 else {"k": (made, i)}
    ref = _undecoded(made, store)

    assert token(decode(ref, store)) == ref.token
    assert compose([ref], store).token == compose([made], store).token
    assert token(decode(compose([made], store), store)) == token([made])


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ([], {}),
        ([1, True, None, 2.5, "a", b"b", 10**40, "\udc80", -0.0], {"k": math.inf}),
        (["x" * 5000, bytes(5000)], {}),
        (["x" * 500_000], {"k": "y" * 500_000}),
        (["x" * 1000] * 200, {}),
        (list(range(30_000)), {"k": 1}),
        ([10 ** (100 * i) for i in range(100)], {}),
        ([[1, [2]], {"a": make_golden.Point(1)}], {"p": make_golden.Color.RED}),
    ],
    ids=["none", "scalars", "texts", "long", "many texts", "many", "big", "nested"],
)
@pytest.mark.parametrize("by_reference", [False, True])
def test_arguments_come_back_equal_and_bounded(
    args: list[Any], kwargs: dict[str, Any], by_reference: bool, store: ValueStore
) -> None:
    """Any arguments fit one message, given as values or as references."""
    given = [_undecoded(a, store) if by_reference else a for a in args]
    named = {k: _undecoded(a, store) if by_reference else a for k, a in kwargs.items()}
    data = encode_arguments(given, named, store)

    assert len(data) <= ARGUMENTS_BYTES
    found, found_named = decode_arguments(data, store)
    assert token([found, found_named]) == token([args, kwargs])


def test_decoded_arguments_are_fresh(store: ValueStore) -> None:
    """A task that changes its arguments changes them for nobody else."""
    data = encode_arguments([_undecoded([1, [2]], store)], {"k": {"a": {1, 2}}}, store)
    args, kwargs = decode_arguments(data, store)
    args[0][1].append("changed")
    kwargs["k"]["a"].clear()

    assert decode_arguments(data, store) == ([[1, [2]]], {"k": {"a": {1, 2}}})


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80\x05", b"\x80\x05cnowhere\nNothing\n.", b"RLbuffer", b"RLparts1", b"junk" * 9,
     b"\x80\x05\x95\xff\xff"],
)  # fmt: skip
def test_broken_bytes_are_undecodable(data: bytes, store: ValueStore) -> None:
    """Whatever is wrong with recorded bytes, it is one error."""
    with pytest.raises(UndecodableError):
        decode(ValueRef(b"#" + b"1" * 20, FORMAT_PICKLE, data, len(data), "", ""), store)


def test_recorded_expression_is_no_value(store: ValueStore) -> None:
    """An expression's bytes are for the expression room."""
    with pytest.raises(UndecodableError):
        decode(ValueRef(b"#" + b"1" * 20, FORMAT_EXPRESSION, b"x", 1, "", ""), store)


def test_code_by_value_belongs_to_its_interpreter() -> None:
    """Bytes with code carry the magic number; another's are refused before they are read."""
    data = serialize.encode_bytes(lambda x: x + 1)

    assert serialize.decode_bytes(data)(1) == 2
    assert data[:4] == MAGIC_NUMBER
    other = bytes([data[0] ^ 1]) + data[1:]
    with pytest.raises(UndecodableError, match="another Python"):
        serialize.decode_bytes(other)


def test_code_beside_buffers_belongs_to_its_interpreter_too() -> None:
    """A function with a large array of its own is marked the same way."""
    large = np.zeros(50_000)
    data = serialize.encode_bytes((lambda: large.sum(), large))

    assert serialize.decode_bytes(data)[0]() == 0
    assert data[:8] == b"RLbuffer"
    assert data[8:12] == MAGIC_NUMBER
    with pytest.raises(UndecodableError, match="another Python"):
        serialize.decode_bytes(data[:8] + bytes([data[8] ^ 1]) + data[9:])


FLOW = """
import sys
from redunlite import serialize, value
from redunlite.hashing import token
from redunlite.kinds import FORMAT_PICKLE
from redunlite.valuestore import ValueStore

class Thing:
    def __init__(self, x):
        self.x = x
    class Inner:
        pass

def helper():
    return "helped"

if __name__ == "__main__":
    store = ValueStore(None)
    made = [Thing(Thing.Inner()), helper, Thing]
    import types
    from redunlite.kinds import TypeHandler, register_type
    register_type(types.FunctionType, TypeHandler("function", lambda f: f.__qualname__))
    ref = serialize.encode(made, store)
    assert ref.format == FORMAT_PICKLE, ref.format
    assert b"__main__" not in ref.data
    assert ref.classes == ("flow:Thing", "flow:Thing.Inner"), ref.classes
    back = serialize.decode(ref, store)
    assert type(back[0]) is Thing and back[1] is helper and back[2] is Thing
    with open(sys.argv[1], "wb") as file:
        file.write(ref.data)
    by_value = serialize.encode_bytes((lambda: Thing(1), Thing(2)))
    make, thing = serialize.decode_bytes(by_value)
    assert type(make()) is Thing and type(thing) is Thing
"""


def test_main_is_stored_under_the_stem_of_its_file(tmp_path: Path) -> None:
    """Instances name their class by the file's stem; both ways of starting the file decode them."""
    (tmp_path / "flow.py").write_text(FLOW)
    root = os.path.dirname(os.path.dirname(redunlite.__file__))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(tmp_path)])}
    stored = tmp_path / "stored"
    read = (
        f"from redunlite.serialize import decode_bytes as d; b = d(open({str(stored)!r}, 'rb').read());"
        "import flow; assert type(b[0]) is flow.Thing and b[1] is flow.helper"
    )
    by_stem = (
        "import flow, pickle, sys; open(sys.argv[1], 'wb').write(pickle.dumps(flow.Thing(3), 5))"
    )
    again = (
        FLOW.partition("if __name__")[0]
        + "made = serialize.decode_bytes(open(sys.argv[1], 'rb').read())\n"
        + "assert type(made) is Thing, type(made)\n"
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "flow.py").write_text(again)

    def run(*args: str) -> None:
        subprocess.run([sys.executable, *args], env=env, cwd=tmp_path, check=True)

    run(str(tmp_path / "flow.py"), str(stored))
    run("-c", read)
    run("-c", by_stem, str(stored))
    run(str(other / "flow.py"), str(stored))


def test_class_that_is_gone_is_undecodable(store: ValueStore) -> None:
    """An instance never carries its class: where the class is not, the value is not."""
    gone = type("Gone", (), {"__module__": __name__, "__qualname__": "Gone"})
    globals()["Gone"] = gone
    ref = _undecoded([gone()], store)
    del globals()["Gone"]

    with pytest.raises(UndecodableError, match="Gone"):
        decode(ref, store)


def test_what_cannot_be_pickled_is_refused() -> None:
    """The error tells the part and the reason."""
    with pytest.raises(UnhashableValueError, match=r"value\[0\], a lock"):
        serialize.encode_bytes([threading.Lock()])


def test_checksum_is_eight_bytes_of_the_content() -> None:
    """Equal for equal bytes in any holder."""
    assert serialize.checksum(b"abc") == serialize.checksum(memoryview(bytearray(b"abc")))
    assert serialize.checksum(b"abc") != serialize.checksum(b"abd")
    assert len(serialize.checksum(b"")) == 8


def test_small_arguments_are_one_short_message(store: ValueStore) -> None:
    """Scalars travel as they are."""
    ref = _undecoded(7, store)

    assert marshal.loads(encode_arguments([1, ref], {"a": "b"}, store)) == ([1, 7], {"a": "b"})
