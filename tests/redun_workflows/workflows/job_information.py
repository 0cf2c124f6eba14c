"""JobInfo: what a task can be told about its job, outside of its cache key."""

from redun import task
from redun.scheduler import JobInfo

redun_namespace = "job_information"


@task()
def look(x: int, info: JobInfo = JobInfo()):
    return [
        x,
        len(info.job_id),
        len(info.execution_id),
        len(info.eval_hash),
        len(info.args_hash),
        info.job_id != info.execution_id,
    ]


@task(tags=[("a", 1)], memory=3)
def options_of(info: JobInfo = JobInfo()):
    return info.options.get("memory")


@task()
def main():
    return [look(1), look(2), look(1), options_of(), options_of.options(memory=4)()]
