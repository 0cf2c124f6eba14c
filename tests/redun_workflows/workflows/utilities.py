"""Functions that workflows import from `redun.utils` and `redun.hashing`."""

from datetime import datetime, timedelta, timezone

from redun import task
from redun.hashing import hash_struct, hash_tag_bytes
from redun.utils import (
    MultiMap,
    format_table,
    format_timedelta,
    format_timestamp,
    iter_nested_value,
    json_dumps,
    map_nested_value,
    merge_dicts,
    pickle_dumps,
    pickle_loads,
    pickle_preview,
    str2bool,
    trim_string,
)

redun_namespace = "utilities"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def main():
    nested = [1, [2, 3], (4, {5: 6}), {7}]
    return [
        map_nested_value(inc, nested),
        sorted(iter_nested_value(nested)),
        merge_dicts([{"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}]),
        trim_string("abcdefghij", 5),
    ]


@task()
def texts():
    return [
        json_dumps({"b": [1, None], "a": 2.5}),
        format_timedelta(timedelta(hours=2, seconds=3, milliseconds=450)),
        format_timestamp(datetime(2024, 2, 29, 12, tzinfo=timezone.utc), timezone.utc),
        list(format_table([["name", "n"], ["a", 10], ["b", 2]], "lr", 4)),
        [str2bool("True"), str2bool("false")],
    ]


@task()
def hashes():
    return [
        hash_struct(["a", 1]) == hash_struct(["a", 1]),
        hash_struct(["a", 1]) == hash_struct(["a", 2]),
        hash_tag_bytes("a", b"b") == hash_tag_bytes("b", b"b"),
        len(hash_struct({"a": [b"x"]})),
    ]


@task()
def pickles():
    gone = b"cnowhere\nPoint\n(I1\ntR."
    return [
        pickle_loads(pickle_dumps([1, {"a": (2,)}])),
        repr(pickle_preview(pickle_dumps([1, {"a": (2,)}]))),
        repr(pickle_preview(gone)),
        pickle_preview(gone)[0],
        type(pickle_preview(b"no pickle")).__name__,
    ]


@task()
def multimap():
    found = MultiMap([("a", 1), ("b", 2), ("a", 3)])
    found.add("c", 4)
    return [
        list(found),
        found["a"],
        found.get("d"),
        len(found),
        "b" in found,
        found.has_item("a", 2),
        list(found.keys()),
        list(found.values()),
        found.as_dict(),
        repr(found),
        found == {"a": [1, 3], "b": [2], "c": [4]},
    ]
