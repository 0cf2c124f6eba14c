"""A program that runs workflows by itself: Scheduler, nested values, errors, redefined tasks."""

from redun import Scheduler, Task, get_task_registry, task
from redun.scheduler import get_current_scheduler

redun_namespace = "programs"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def fail(x: int):
    raise ValueError(f"bad {x}")


@task()
def read():
    return "first"


@task()
def use(x):
    return f"used {x}"


def main() -> None:
    scheduler = Scheduler()
    print(scheduler.run(inc(1)))
    print(scheduler.run([inc(1), {"k": inc(inc(2))}, (3, "plain")]))
    print(scheduler.run(5), scheduler.run(None), scheduler.run([]))
    try:
        scheduler.run(inc(fail(1)))
    except ValueError as error:
        print("caught", error)
    print(scheduler.run(use(read())))

    @task(namespace="programs", name="read")
    def read_again():
        return "second"

    print(scheduler.run(use(read_again())))
    print(get_task_registry().get("programs.inc") is inc, isinstance(inc, Task))
    print(get_current_scheduler(required=False))
    try:
        get_current_scheduler()
    except Exception as error:
        print(type(error).__name__)
    print(inc.fullname, inc.name, inc.namespace, inc.func(4), inc.version)
    print(list(inc.signature.parameters), inc.nout)
    print(Scheduler().run(inc(1), cache=False))
    print(repr(inc(2)), repr(inc(inc(2)) + 1), repr(inc(x=2)["k"].attr))


if __name__ == "__main__":
    main()
