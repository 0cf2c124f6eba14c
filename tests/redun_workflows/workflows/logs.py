"""log: the jobs of executions, as a tree, by execution and by task."""

from redun import task

redun_namespace = "logs"


@task()
def inc(x: int, by: int = 1) -> int:
    return x + by


@task()
def check(x: int) -> int:
    if x > 4:
        raise ValueError("too big")
    return x


@task()
def middle(x: int):
    return check(inc(x))


@task()
def main(x: int = 1):
    return [middle(x), inc(x, by=2)]
