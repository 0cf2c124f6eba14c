"""Commands beside `run`."""

from redun import task

redun_namespace = "commands"


@task()
def inc(x: int) -> int:
    """Add one."""
    return x + 1


@task()
def check(x: int) -> int:
    if x > 4:
        raise ValueError("too big")
    return x


@task()
def main(x: int = 1):
    return check(inc(x))
