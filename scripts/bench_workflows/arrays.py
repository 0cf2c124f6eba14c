"""A numpy array that goes through many calls, each of which returns a new one."""

import numpy

try:
    from redunlite import task
except ImportError:
    from redun import task

redun_namespace = "bench"


@task()
def make(size):
    return numpy.arange(size // 8, dtype=numpy.float64)


@task()
def shift(array):
    return array + 1.0


@task()
def total(array):
    return float(array[0])


@task()
def main(n: int = 50, size: int = 10_000_000):
    array = make(size)
    for _ in range(n):
        array = shift(array)
    return total(array)
