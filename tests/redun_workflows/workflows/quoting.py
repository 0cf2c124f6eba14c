"""quote: an expression that is passed around as a value and evaluated where it is asked for."""

from redun import task
from redun.expression import QuotedExpression, quote

redun_namespace = "quoting"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def fail():
    raise ValueError("evaluated although nobody asked")


@task()
def release(quoted):
    return quoted.eval()


@task()
def twice(quoted):
    return [quoted.eval(), quoted.eval()]


@task()
def hold(quoted) -> str:
    return type(quoted).__name__


@task()
def make(x: int):
    return quote(inc(x))


@task()
def main():
    return [
        release(quote(inc(1))),
        twice(quote([inc(2), {"k": inc(3)}])),
        hold(quote(fail())),
        release(make(4)),
        isinstance(quote(fail()), QuotedExpression),
        release(quote(5)),
    ]
