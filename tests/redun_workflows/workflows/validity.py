"""check_valid: full looks at each call below again, shallow takes the final result."""

from redun import task

redun_namespace = "validity"


@task()
def leaf(x: int) -> int:
    return x + 1


@task()
def middle(x: int):
    return leaf(x)


@task()
def full(x: int):
    return middle(x)


@task(check_valid="shallow")
def shallow(x: int):
    return middle(x)


@task()
def main(x: int = 1):
    return [full(x), shallow(x + 10)]


@task()
def by_option():
    return full.options(check_valid="shallow")(1)
