"""Options of tasks that only redun's executors for other machines read, and rarer ones."""

import os

from redun import task
from redun.scheduler import JobInfo

redun_namespace = "options_more"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def where(pid: int) -> bool:
    return os.getpid() == pid


@task(load_module="workflow")
def loaded(x: int) -> int:
    return x


@task(export_options={"memory": 3})
def exporting(info: JobInfo = JobInfo()):
    return [info.options.get("memory"), below()]


@task()
def below(info: JobInfo = JobInfo()):
    return info.options.get("memory")


@task(mode="thread")
def in_process():
    return where.options(mode="process")(os.getpid())


@task(mode="thread")
def in_thread():
    return where.options(mode="thread")(os.getpid())


@task()
def memory():
    return inc.options(memory=1, timeout=60, retries=1, priority=2)(1)


@task()
def for_other_machines():
    return inc.options(vcpus=2, gpus=1, image="x", role="y")(1)


@task()
def own_option():
    return inc.options(my_own_option=1)(1)


@task()
def bad_scope():
    return inc.options(cache_scope="EVERYWHERE")(1)


@task()
def main():
    return [loaded(1), exporting()]
