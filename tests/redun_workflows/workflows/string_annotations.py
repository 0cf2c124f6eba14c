"""Annotations that are text: results by annotation, and arguments of the command line."""

from __future__ import annotations

from redun import task

redun_namespace = "string_annotations"


@task()
def pair(x: int) -> tuple[int, int]:
    return (x, 2 * x)


@task()
def main(n: int = 2):
    return [n, n + 1]


@task()
def unpack():
    a, b = pair(3)
    return a + b
