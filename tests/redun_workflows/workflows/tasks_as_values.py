"""Tasks as arguments, as results and within values; what an edit of such a task runs again."""

from redun import task

redun_namespace = "tasks_as_values"


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def square(x: int) -> int:
    return x * x


@task()
def apply(step, x: int):
    return step(x)


@task()
def twice(step, x: int):
    return step(step(x))


@task()
def choose(name: str):
    return {"inc": inc, "square": square}[name]


@task()
def apply_all(steps: list, x: int):
    return [step(x) for step in steps]


@task()
def name_of(step) -> str:
    return step.fullname


@task()
def main(x: int = 3):
    return [
        apply(inc, x),
        twice(square, x),
        choose("inc")(x),
        apply(choose("square"), x),
        apply_all([inc, square, choose("inc")], x),
        name_of(inc),
        apply(inc.options(cache=False), 10),
    ]
