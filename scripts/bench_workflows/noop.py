"""The workflow of the cost of a call: `n` calls that do next to nothing, and one that takes all."""

try:
    from redunlite import task
except ImportError:
    from redun import task

redun_namespace = "bench"


@task()
def inc(x):
    return x + 1


@task()
def collect(xs):
    return len(xs)


@task()
def main(n: int = 10000):
    return collect([inc(i) for i in range(n)])
