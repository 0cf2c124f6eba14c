"""Operators that redun does not have, or gets wrong; each task is run on its own."""

from redun import task

redun_namespace = "operators_more"


@task()
def give(x):
    return x


@task()
def floor_division():
    return [give(7) // 2, 15 // give(7)]


@task()
def remainder():
    return [give(7) % 4, 9 % give(7)]


@task()
def power():
    return [give(2) ** 5, 2 ** give(3)]


@task()
def bits():
    return [give(1) << 4, give(6) >> 1, give(6) ^ 3, ~give(5)]


@task()
def signs():
    return [-give(3), +give(3), abs(give(-3)), round(give(2.345), 1)]


@task()
def division_with_rest():
    return divmod(give(17), 5)


@task()
def slice_from():
    return give([1, 2, 3, 4])[1:]


@task()
def slice_to_end():
    return give([1, 2, 3, 4])[:-1]


@task()
def slice_step():
    return give([1, 2, 3, 4])[::2]


@task()
def slice_of_text():
    return give("abcdef")[1:3]
