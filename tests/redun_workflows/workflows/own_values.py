"""Values of the user's own with hooks: hash, validity, parsing, serialization."""

from redun import task
from redun.value import ProxyValue, Value

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
