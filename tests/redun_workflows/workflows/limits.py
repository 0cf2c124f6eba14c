"""limits: units of a resource that jobs hold while they run."""

from redun import task

redun_namespace = "limits"


@task(limits=["db"])
def query(x: int) -> int:
    return x


@task(limits={"db": 2, "disk": 1})
def heavy(x: int) -> int:
    return -x


@task(limits=["unknown"])
def one_at_a_time(x: int) -> int:
    return 10 * x


@task()
def main():
    return [
        [query(i) for i in range(4)],
        [heavy(i) for i in range(1, 4)],
        [one_at_a_time(i) for i in range(3)],
        query.options(limits={"db": 2})(9),
    ]
