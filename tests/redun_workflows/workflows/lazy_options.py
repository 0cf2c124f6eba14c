"""Options whose values are expressions."""

from redun import get_context, task
from redun.scheduler import JobInfo

redun_namespace = "lazy_options"


@task()
def size(n: int) -> int:
    return 2 * n


@task(memory=size(2))
def by_decorator(info: JobInfo = JobInfo()):
    return info.options.get("memory")


@task(memory=get_context("memory", 1))
def by_context(info: JobInfo = JobInfo()):
    return info.options.get("memory")


@task()
def by_call(x: int, info: JobInfo = JobInfo()):
    return [x, info.options.get("memory")]


@task()
def main():
    return [
        by_decorator(),
        by_context(),
        by_context.update_context(memory=6)(),
        by_call.options(memory=size(5))(1),
        by_call.options(memory=size(2) + 1)(2),
    ]
