"""compose, identity, const, delay, force, seq."""

from redun import task
from redun.functools import compose, const, delay, force, identity, seq

redun_namespace = "functional"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def add(a: int, b: int = 10) -> int:
    return a + b


@task()
def fail():
    raise ValueError("evaluated although nobody asked")


@task()
def keep(delayed):
    return "kept"


@task()
def choose(first, second, use_first: bool):
    return force(first) if use_first else force(second)


@task()
def use(step, x: int):
    return step(x)


@task()
def main():
    return {
        "compose": [compose(inc, double)(5), compose(double, inc, add)(1, b=2), compose(inc)(1)],
        "composed argument": use(compose(double, inc), 3),
        "composed twice": compose(compose(inc, inc), double)(1),
        "identity": [identity(inc(1)), identity([double(2), 3])],
        "const": const(inc(2), double(3)),
        "delay": [
            keep(delay(fail())),
            force(delay(inc(4))),
            choose(delay(inc(1)), delay(fail()), True),
        ],
        "seq": [seq([inc(1), double(2), inc(double(3))]), seq([]), seq([1, [inc(1)]])],
    }


@task()
def compose_nothing():
    return compose()(1)


@task()
def const_fails():
    return const(inc(1), fail())


@task()
def seq_stops():
    return seq([inc(1), fail(), double(99)])
