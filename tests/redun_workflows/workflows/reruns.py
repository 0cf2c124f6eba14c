"""run --rerun: the task and the arguments of a recorded execution, once more."""

from redun import task

redun_namespace = "reruns"


@task()
def double(x: int, by: int = 2) -> int:
    return x * by


@task()
def fail(x: int, limit: int = 3) -> int:
    if x > limit:
        raise ValueError("too big")
    return x


@task()
def main(n: int = 1, word: str = "a"):
    return [double(n), double(n + 1, by=3), word]
