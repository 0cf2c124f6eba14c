"""Programs that run workflows: `run`, what `Scheduler.run` takes, executors of their own, a scheduler within a task."""

import os
import sys

from redun import LocalExecutor, Scheduler, get_context, run, task
from redun.config import Config
from redun.scheduler import DryRunResult, JobInfo, SchedulerError

redun_namespace = "programs_more"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def name(who=get_context("who", "nobody")):
    return who


@task()
def pid(name: str) -> int:
    return os.getpid()


@task()
def within(x: int) -> int:
    return Scheduler().run(inc(inc(x)))


@task(executor="missing")
def nowhere(x: int) -> int:
    return x


@task()
def executor_of(info: JobInfo = JobInfo()):
    return info.options.get("executor")


def run_it() -> None:
    print(run(inc(1)), run([inc(1), {"a": inc(2)}]))


def settings() -> None:
    scheduler = Scheduler()
    scheduler.load()
    print(scheduler.run(name(), context={"who": "somebody"}), scheduler.run(name()))
    print(scheduler.run(inc(1), exec_argv=["program", "inc"], tags=[("env", "test")]))
    try:
        scheduler.run(inc(40), dryrun=True)
    except DryRunResult as error:
        print(type(error).__name__)
    print(scheduler.run(inc(40)), scheduler.run(inc(40), dryrun=True))


def executors() -> None:
    scheduler = Scheduler()
    scheduler.add_executor(LocalExecutor("extra", mode="process"))
    scheduler.add_executor(LocalExecutor("threads"))
    print(scheduler.run(pid.options(executor="extra")("extra")) == os.getpid())
    print(scheduler.run(pid.options(executor="threads")("threads")) == os.getpid())
    print(scheduler.run(executor_of.options(executor="threads")()))
    try:
        scheduler.run(nowhere(1))
    except SchedulerError as error:
        print(isinstance(error, SchedulerError))


def configured() -> None:
    scheduler = Scheduler(config=Config({"limits": {"db": "2"}}))
    scheduler.load()
    print(scheduler.run([inc.options(limits={"db": 2})(n) for n in range(3)]))


def nested() -> None:
    print(Scheduler().run([within(1), within(5)]))


if __name__ == "__main__":
    {"run": run_it, "settings": settings, "executors": executors, "configured": configured, "nested": nested}[
        sys.argv[1]
    ]()
