"""Recursion: tasks that return calls of themselves and of each other."""

from redun import task

redun_namespace = "recursion"


@task()
def add(a: int, b: int) -> int:
    return a + b


@task()
def fib(n: int):
    if n <= 1:
        return n
    return add(fib(n - 1), fib(n - 2))


@task()
def is_even(n: int):
    return True if n == 0 else is_odd(n - 1)


@task()
def is_odd(n: int):
    return False if n == 0 else is_even(n - 1)


@task()
def countdown(n: int):
    return "done" if n == 0 else countdown(n - 1)


@task()
def tree(depth: int):
    if depth == 0:
        return "leaf"
    return [tree(depth - 1), tree(depth - 1)]


@task()
def main(n: int = 6):
    return [fib(n), is_even(n), countdown(40), tree(2)]
