"""Functions that workflows import from `redun.utils` and `redun.value`."""

from redun import task
from redun.utils import iter_nested_value, map_nested_value, merge_dicts, trim_string

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
