"""Tasks that have some of their arguments already: as arguments, as results, with options."""

from redun import PartialTask, task

redun_namespace = "partial_tasks"


@task()
def describe(a, b=2, *rest, c=3) -> str:
    return f"a={a} b={b} rest={rest} c={c}"


@task()
def one() -> int:
    return 1


@task()
def call(step, *args):
    return step(*args)


@task()
def make(a: int):
    return describe.partial(a, c=a)


@task()
def fail():
    raise ValueError("evaluated although nobody asked")


@task()
def is_partial(step) -> bool:
    return isinstance(step, PartialTask)


@task()
def ignore(step) -> str:
    return "not called"


@task()
def main():
    return [
        describe.partial(1)(5),
        describe.partial(1, 5)(6, 7),
        describe.partial(c=9)(1),
        describe.partial(1, c=9)(c=8),
        describe.partial(1).partial(5).partial(c=4)(),
        describe.partial(one())(b=one()),
        call(describe.partial("x"), "y"),
        call(make(4), 5),
        make(4)(6),
        describe.partial(1).options(cache=False)(2),
        describe.options(cache=False).partial(1)(2),
        is_partial(describe.partial(1)),
        ignore(describe.partial(fail())),
        describe.partial(1).fullname,
    ]
