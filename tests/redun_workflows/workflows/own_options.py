"""Options of the user's own, read by tasks, wrappers and special forms."""

from typing import Any

from redun import task
from redun.scheduler import JobInfo, scheduler_task
from redun.task import Task, wraps_task

redun_namespace = "own_options"


@task(my_option="decorator", level=1)
def read(x: int, info: JobInfo = JobInfo()) -> list:
    """Read the options in force for the job."""
    return [x, info.options.get("my_option"), info.options.get("level")]


@task(level=2)
def word(text: str) -> str:
    """Give a text back."""
    return text


@task()
def below() -> list:
    """Call without options."""
    return [read(10), read.options(my_option="call")(11)]


@scheduler_task(name="form", namespace="own_options")
def form(scheduler: Any, parent_job: Any, sexpr: Any, a_task: Any) -> Any:
    """Read the options of a task and of the job around."""
    found = [
        a_task.get_task_option("my_option"),
        a_task.get_task_option("nosuch", "default"),
        a_task.has_task_option("level"),
        a_task.get_task_options().get("level"),
        parent_job.get_option("level"),
        parent_job.get_option("nosuch", "default"),
        parent_job.get_options().get("my_option"),
    ]
    return scheduler.evaluate(found, parent_job=parent_job)


@task(level=7)
def around() -> list:
    """Call the special form."""
    return [form(read), form(read.options(my_option="changed"))]


@task(my_option="handed down")
def around_more() -> Any:
    """Call it with an option of the job's."""
    return form(word)


def leveled(level: int) -> Any:
    """Make a decorator that reads an option of the inner task."""

    @wraps_task(wrapper_name=f"leveled_{level}", wrapper_hash_includes=[level])
    def wrapper(inner: Task) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> list:
            return [inner.get_task_option("level"), level, inner(*args, **kwargs)]

        return wrapped

    return wrapper


@leveled(3)
@task(level=4)
def wrapped(x: int) -> int:
    """Give a number back."""
    return x


@task()
def main() -> list:
    """Show who reads which option."""
    return [
        read(1),
        read.options(my_option="call")(2),
        read.options(my_option=word("lazy"), level=[1, {"a": 2}])(3),
        below.export_options(my_option="exported")(),
        around(),
        around_more(),
        wrapped(5),
    ]
