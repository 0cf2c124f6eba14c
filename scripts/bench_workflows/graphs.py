"""Workflows of odd shapes: deep, recursive, shared, large and mixed."""

import time

try:
    from redunlite import task
except ImportError:
    from redun import task

redun_namespace = "bench"


@task()
def step(x):
    return x + 1


@task()
def chain(n: int = 1000):
    """Depend `n` calls on each other, all known at once."""
    x = 0
    for _ in range(n):
        x = step(x)
    return x


@task()
def down(n: int = 1000):
    """Recurse: each call is known only when the one above it has run."""
    return 0 if n == 0 else 1 + down(n - 1)


@task()
def collect(xs):
    return len(xs)


@task()
def use(xs, i):
    return i


@task()
def share(n: int = 1000, shared: bool = True):
    """Give a list of `n` results to `n` calls, or only to the one that collects it."""
    xs = [step(i) for i in range(n)]
    return collect([collect(xs), *(use(xs if shared else None, i) for i in range(n))])


@task()
def blob(i, size):
    return i.to_bytes(8, "big") * (size // 8)


@task()
def size_of(data):
    return len(data)


@task()
def blobs(n: int = 2000, size: int = 300 * 1024):
    """Make `n` results of `size` bytes, each read by one call."""
    return collect([size_of(blob(i, size)) for i in range(n)])


@task()
def nap(i, seconds):
    time.sleep(seconds)
    return i


@task()
def naps(n: int = 200, ms: int = 20):
    """Sleep `n` times for `ms` milliseconds."""
    return collect([nap(i, ms / 1000) for i in range(n)])


@task()
def work(i, seconds):
    if seconds < 0.001:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
    else:
        time.sleep(seconds)
    return i


@task()
def after(i):
    return i


@task()
def mixed(n: int = 10000, seconds: float = 10.0):
    """Follow up `n - 1` calls of 0.1 ms and, first among them, a long one of the same task."""
    return collect([after(work(i, seconds if i == 0 else 0.0001)) for i in range(n)])
