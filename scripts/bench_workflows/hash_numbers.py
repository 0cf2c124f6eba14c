"""Hash and pickle a list of a million numbers; prints the seconds of both as JSON."""

import json
import pickle
import sys
import time

from redunlite import hashing


def measure(function, repeat):
    """Return the least of `repeat` times in seconds."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def main():
    n, repeat = int(sys.argv[1]), int(sys.argv[2])
    lists = {
        "ints": list(range(n)),
        "floats": [i * 1.5 for i in range(n)],
        "ints and floats in turn": [i * 1.5 if i % 2 else i for i in range(n)],
    }
    found = {}
    for name, numbers in lists.items():
        found[name] = {
            "hash_s": measure(lambda numbers=numbers: hashing.token(numbers), repeat),
            "pickle_s": measure(lambda numbers=numbers: pickle.dumps(numbers, 5), repeat),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
