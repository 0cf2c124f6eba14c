"""fork_thread and join_thread: work that its job does not wait for."""

from redun import catch, task
from redun.scheduler import fork_thread, join_thread

redun_namespace = "threads"


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def fail():
    raise ValueError("in a thread")


@task()
def recover(error):
    return f"recovered: {error}"


@task()
def begin(x: int):
    return fork_thread(double(x))


@task()
def take(thread):
    return join_thread(thread)


@task()
def begin_failing():
    return fork_thread(fail())


@task()
def main():
    thread = begin(5)
    return [
        take(begin(1)),
        join_thread(thread),
        join_thread(thread),
        catch(take(begin_failing()), ValueError, recover),
        join_thread(fork_thread([double(7), double(8)])),
    ]
