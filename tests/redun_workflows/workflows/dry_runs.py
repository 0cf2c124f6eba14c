"""--dryrun: what would run, and nothing is run."""

from redun import task

redun_namespace = "dry_runs"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def add(a: int, b: int) -> int:
    return a + b


@task()
def main(x: int = 1):
    return add(inc(x), inc(x + 1))
