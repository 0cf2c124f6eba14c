"""`cond`: only the branch that is chosen is evaluated."""

from redun import cond, task

redun_namespace = "conditions"


@task()
def give(x):
    return x


@task()
def fail(x: int):
    raise ValueError(x)


@task()
def lower(x: int):
    return cond(give(x) > 3, lower(x - 2), x)


@task()
def no_branch():
    return cond(give(False), 1)


@task()
def bad_condition():
    return cond(fail(1), 1, 2)


@task()
def main():
    return [
        cond(give(1), "then", fail(1)),
        cond(give(0), fail(2), "else"),
        cond(give(1) == 2, fail(3), give(2) == 2, "second", fail(4)),
        cond(False, fail(5), False, fail(6), give("last")),
        cond(True, [give(1), {"k": give(2)}], None),
        lower(9),
        cond(give(3) > 2, give(True), False) == True,  # noqa: E712
    ]
