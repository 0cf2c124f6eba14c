"""version and hash_includes: what stands for the code, and what counts beside it."""

from redun import task

redun_namespace = "versions"

TABLE = "first"


def helper(x: int) -> int:
    return x + 1


@task(version="1")
def versioned(x: int) -> int:
    return x + 1


@task(hash_includes=[TABLE, helper])
def including(x: int) -> str:
    return f"{TABLE} {helper(x)}"


@task()
def plain(x: int) -> int:
    return x + 3


@task()
def main():
    return [versioned(1), including(1), plain(1)]
