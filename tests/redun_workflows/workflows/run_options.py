"""The options of `run` itself, and its words."""

from redun import task
from redun.scheduler import JobInfo

redun_namespace = "run_options"


@task()
def show(info: JobInfo = JobInfo()):
    """Show an option of the job."""
    return info.options.get("memory")


@task(cache=False)
def below(x: int) -> int:
    return x + 1


@task()
def main(x: int = 1):
    """Add one to a number."""
    return below(x)


@task(name="other", namespace="elsewhere")
def another():
    return "other"
