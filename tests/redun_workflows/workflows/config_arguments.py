"""config_args: arguments that are not part of the cache key."""

from redun import task

redun_namespace = "config_arguments"


@task(config_args=["threads"])
def align(reads: str, threads: int = 1) -> str:
    return f"{reads} with {threads}"


@task(config_args=["verbose", "level"])
def report(x: int, verbose: bool, level: int = 0) -> str:
    return f"{x} {verbose} {level}"


@task()
def main(threads: int = 1):
    return align("a", threads)


@task()
def by_position():
    return [align("a", 8), align("b", 2), report(1, True, 5)]


@task()
def by_keyword():
    return [align("a", threads=9), align(reads="b", threads=3), report(1, verbose=False)]
