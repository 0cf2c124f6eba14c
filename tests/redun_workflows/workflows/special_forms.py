"""Special forms of the user's own: `scheduler_task`, with promises."""

from redun import task
from redun.promise import Promise
from redun.task import scheduler_task

redun_namespace = "special_forms"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def fail(text: str):
    raise ValueError(text)


@scheduler_task(namespace="special_forms")
def if_else(scheduler, parent_job, sexpr, condition, then, otherwise):
    """Evaluate one of two branches."""

    def choose(value):
        branch = then if value else otherwise
        return scheduler.evaluate(branch, parent_job=parent_job)

    return scheduler.evaluate(condition, parent_job=parent_job).then(choose)


@scheduler_task()
def first_good(scheduler, parent_job, sexpr, *branches):
    """Evaluate branches in order until one does not fail."""

    def attempt(index):
        def failed(error):
            if index + 1 == len(branches):
                raise error
            return attempt(index + 1)

        return scheduler.evaluate(branches[index], parent_job=parent_job).catch(failed)

    return attempt(0)


@scheduler_task(name="both", namespace="special_forms", version="2")
def evaluate_both(scheduler, parent_job, sexpr, left, right):
    """Evaluate two branches side by side."""
    promises = [scheduler.evaluate(part, parent_job=parent_job) for part in (left, right)]
    return Promise.all(promises)


@scheduler_task()
def say(scheduler, parent_job, sexpr, word):
    """Give a value at once."""
    return Promise(lambda resolve, reject: resolve(f"{word} from {parent_job.task.name}"))


@task()
def main():
    return [
        if_else(inc(0), inc(1), fail("then")),
        if_else(inc(-1), fail("else"), [inc(2), inc(3)]),
        first_good(fail("a"), fail("b"), inc(4), fail("c")),
        evaluate_both(inc(5), inc(6)),
        say("hello"),
        if_else.partial(True)(inc(7), fail("partial")),
        inc(if_else(False, 1, inc(8))),
    ]
