"""Executors of the configuration: by name, of another type, by another name, and none."""

import os
import threading

from redun import task

redun_namespace = "executors"


@task()
def by_default(x: int) -> int:
    return x + 1


@task(executor="process")
def in_process(pid: int) -> bool:
    return os.getpid() != pid


@task(executor="second")
def second(x: int) -> int:
    return x + 2


@task(executor="other_name")
def by_alias(x: int) -> int:
    return x + 3


@task(executor="missing")
def nowhere(x: int) -> int:
    return x


@task()
def main():
    return [
        by_default(1),
        in_process(os.getpid()),
        second(1),
        by_alias(1),
        by_default.options(executor="second")(5),
    ]


@task()
def unknown():
    return nowhere(1)
