"""What cannot be lazy, and what Python makes of it; each task is run on its own."""

from redun import task

redun_namespace = "coercions"


@task()
def give(x):
    return x


@task()
def condition():
    if give(1):
        return "yes"
    return "no"


@task()
def negation():
    return not give(1)


@task()
def iteration():
    return [x for x in give([1, 2])]


@task()
def unpacking():
    a, b = give([1, 2])
    return a


@task()
def length():
    return len(give([1, 2]))


@task()
def whole_number():
    return int(give(2.5))


@task()
def membership():
    return 1 in give([1, 2])


@task()
def text():
    return f"got {give(5)}"


@task()
def chained():
    return 1 < give(2) < 3


@task()
def biggest():
    return max(give(1), give(2))


@task()
def assignment():
    x = give({"a": 1})
    x["a"] = 2
    return x
