"""quote: an expression that is passed around as a value and evaluated where it is asked for."""

from redun import task
from redun.expression import QuotedExpression
from redun.scheduler import JobInfo, quote, with_export_options

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
def tell(info: JobInfo = JobInfo()):
    return info.options.get("memory")


@task()
def tell_below():
    return [tell()]


@task()
def exporting():
    return with_export_options(quote([tell_below(), 1]), {"memory": 3})


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
