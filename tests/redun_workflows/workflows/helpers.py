"""Helper functions, constants and comments: which edits run what again."""

from redun import task

redun_namespace = "helpers"

FACTOR = 2


def scale(x: int) -> int:
    return x * FACTOR


@task()
def scaled(x: int) -> int:
    return scale(x)


@task()
def untouched(x: int) -> int:
    # A comment.
    return x + 1


@task()
def main():
    return [scaled(5), untouched(5)]
