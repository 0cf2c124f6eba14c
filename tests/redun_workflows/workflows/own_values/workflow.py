"""Values of the user's own with hooks: hash, validity, parsing, serialization."""

from pathlib import Path

from redun import task
from redun.value import InvalidValueError, ProxyValue, Value, get_type_registry

redun_namespace = "own_values"


class Interval(Value):
    """A value class of the workflow."""

    type_name = "own_values.Interval"

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __getstate__(self) -> dict:
        return {"start": self.start, "end": self.end}

    def __setstate__(self, state: dict) -> None:
        self.start = state["start"]
        self.end = state["end"]

    def __repr__(self) -> str:
        return f"Interval({self.start}, {self.end})"

    @classmethod
    def parse_arg(cls, raw_type, arg: str):
        start, end = arg.split("-")
        return cls(int(start), int(end))


class Celsius:
    """A class that knows nothing of workflows."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __repr__(self) -> str:
        return f"{self.degrees} C"


class CelsiusValue(ProxyValue):
    """What the engine should do with it."""

    type = Celsius
    type_name = "own_values.Celsius"

    @classmethod
    def parse_arg(cls, raw_type, arg: str):
        return Celsius(float(arg.rstrip("C")))


class Reading(Value):
    """What a file held when this was made; holds as long as the file does."""

    def __init__(self) -> None:
        self.text = Path("state.txt").read_text()

    def __getstate__(self) -> dict:
        return {"text": self.text}

    def __setstate__(self, state: dict) -> None:
        self.text = state["text"]

    def is_valid(self) -> bool:
        return Path("state.txt").read_text() == self.text


class Table(Value):
    """Rows, and a remark that makes no difference."""

    def __init__(self, rows: list, remark: str = "") -> None:
        self.rows = rows
        self.remark = remark

    def __getstate__(self) -> dict:
        return {"rows": self.rows, "remark": self.remark}

    def __setstate__(self, state: dict) -> None:
        self.rows = state["rows"]
        self.remark = state["remark"]

    def get_hash(self, data=None) -> str:
        return "table-" + "-".join(map(str, self.rows))


class Packed(Value):
    """Kept as text of its own, which cannot be read while the store is closed."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __getstate__(self) -> dict:
        return {"word": self.word}

    def __setstate__(self, state: dict) -> None:
        self.word = state["word"]

    def serialize(self) -> bytes:
        return self.word[::-1].encode()

    @classmethod
    def deserialize(cls, raw_type, data: bytes):
        if Path("store.txt").read_text() == "closed":
            raise InvalidValueError("the store is closed")
        return cls(data.decode()[::-1])


class Box:
    """Another class that knows nothing of workflows."""

    def __init__(self, size: int) -> None:
        self.size = size


class BoxValue(ProxyValue):
    """Kept as a number; as good as any of the same size, if it is not too big."""

    type = Box

    def get_hash(self, data=None) -> str:
        return f"box-{self.instance.size}"

    def is_valid(self) -> bool:
        return self.instance.size < 100

    def serialize(self) -> bytes:
        return str(self.instance.size).encode()

    @classmethod
    def deserialize(cls, raw_type, data: bytes):
        return Box(int(data))


@task()
def length(interval: Interval) -> int:
    return interval.end - interval.start


@task()
def widen(interval: Interval) -> Interval:
    return Interval(interval.start - 1, interval.end + 1)


@task()
def warm(temperature: Celsius) -> str:
    return repr(Celsius(temperature.degrees + 1))


@task()
def main():
    return [length(widen(Interval(3, 7))), widen(Interval(0, 1)), warm(Celsius(20.0))]


@task()
def read() -> Reading:
    return Reading()


@task()
def show(reading: Reading) -> str:
    return reading.text.upper()


@task()
def read_and_show():
    return show(read())


@task()
def show_what_is_there():
    return show(Reading())


@task()
def count(table: Table) -> int:
    return len(table.rows)


@task()
def count_both():
    return [count(Table([1, 2], "one")), count(Table([1, 2], "two")), count(Table([1]))]


@task()
def pack(word: str) -> Packed:
    return Packed(word)


@task()
def unpack(packed: Packed) -> str:
    return packed.word


@task()
def pack_and_unpack():
    return [unpack(pack("one")), unpack(pack("two"))]


@task()
def make_box(size: int) -> Box:
    return Box(size)


@task()
def double(box: Box) -> Box:
    return Box(2 * box.size)


@task()
def get_size(box: Box) -> int:
    return box.size


@task()
def boxes():
    return [get_size(double(make_box(8))), get_size(double(make_box(80)))]


@task()
def registry():
    known = get_type_registry()
    return [
        known.get_type_name(Interval),
        known.get_type_name(Celsius),
        known.is_valid(Interval(1, 2)),
        known.is_valid(Box(1000)),
        known.is_valid_nested([Box(1), {"a": Box(2)}]),
        known.get_hash(Table([1])) == known.get_hash(Table([1], "x")),
    ]
