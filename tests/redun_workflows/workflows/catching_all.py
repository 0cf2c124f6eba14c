"""`catch_all`: every part of a nested value is evaluated to its end."""

from redun import task
from redun.scheduler import catch_all

redun_namespace = "catching_all"


@task()
def half(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2


@task()
def wrong_type(x: int) -> int:
    raise TypeError(f"no {x}")


@task()
def report(values):
    if isinstance(values, dict):
        values = list(values.values())
    return [str(v) if isinstance(v, Exception) else v for v in values]


@task()
def main():
    return [
        catch_all([half(2), half(4)], ValueError, report),
        catch_all([half(2), half(3), half(5)], ValueError, report),
        catch_all({"a": half(1), "b": half(8), "c": 3}, ValueError, report),
        catch_all([half(6), half(8)]),
        catch_all([half(7), wrong_type(1)], (ValueError, TypeError), report),
    ]


@task()
def other_error():
    return catch_all([half(2), wrong_type(3)], ValueError, report)


@task()
def no_recovery():
    return catch_all([half(2), half(3)])


@task()
def no_class():
    return catch_all([half(2)], None, report)
