"""The same work without a workflow engine: `peers.py WHAT N FOLDER` prints its seconds as JSON.

`futures` and `naps` use `concurrent.futures`, `joblib` uses `joblib.Memory`, `bytes` does to an
array what cannot be saved: hash it, write it, map it.
"""

import json
import mmap
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256

N_WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def inc(x):
    return x + 1


def nap(i, seconds):
    time.sleep(seconds)
    return i


def run_futures(n, folder):
    with ProcessPoolExecutor(N_WORKERS) as pool:
        futures = [pool.submit(inc, i) for i in range(n)]
        return len([future.result() for future in futures])


def run_naps(n, folder):
    with ProcessPoolExecutor(N_WORKERS) as pool:
        return len(list(pool.map(nap, range(n), [0.02] * n)))


def run_joblib(n, folder):
    import joblib

    cached = joblib.Memory(folder, verbose=0).cache(inc)
    return len([cached(i) for i in range(n)])


def run_bytes(n, folder):
    """Compute, hash, write and map 10 MB, `n` times, each from the one before."""
    import numpy

    array = numpy.arange(10_000_000 // 8, dtype=numpy.float64)
    for i in range(n):
        array = array + 1.0
        data = memoryview(array).cast("B")
        sha256(data).digest()
        path = os.path.join(folder, f"{i}.bin")
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        array = numpy.frombuffer(mapped, dtype=numpy.float64)
    return n


def main():
    what, n, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if what == "joblib":
        import joblib  # noqa: F401, before the clock starts
    begin = time.perf_counter()
    count = globals()[f"run_{what}"](n, folder)
    elapsed = time.perf_counter() - begin
    assert count == n, (count, n)
    print(json.dumps({"engine_s": elapsed}))


if __name__ == "__main__":
    main()
