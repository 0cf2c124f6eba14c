"""One call in several spellings: positions, keywords, defaults."""

from redun import task

redun_namespace = "spellings"


@task()
def f(a: int, b: int = 2, *rest: int, c: int = 3, **more: int):
    return [a, b, rest, c, sorted(more.items())]


@task()
def g(a: int, b: int = 2):
    return [a, b]


@task()
def main():
    return [
        g(1),
        g(1, 2),
        g(1, b=2),
        g(a=1, b=2),
        g(b=2, a=1),
        f(1, 2, 3, 4, c=5, z=6, y=7),
        f(1, c=3),
        f(a=1, y=2),
    ]
