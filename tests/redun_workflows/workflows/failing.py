"""Failures: errors of tasks, wrong arguments, and errors that are hard to pass on."""

from redun import task

redun_namespace = "failing"


class Unpicklable(Exception):
    """An error that holds what cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.made = lambda: text


class TwoArguments(Exception):
    """An error that is not made from its own arguments."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


@task()
def divide(a: int, b: int) -> float:
    return a / b


@task()
def middle(x: int):
    return divide(x, 0)


@task()
def main(x: int = 1):
    return [middle(x)]


@task()
def wrong_arguments():
    return divide(1, 2, 3)


@task()
def wrong_keyword():
    return divide(1, c=2)


@task()
def unpicklable():
    raise Unpicklable("held")


@task()
def two_arguments():
    raise TwoArguments(1, 2)


@task()
def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("could not look it up") from error


@task()
def in_argument():
    return divide(divide(1, 0), 2)


@task()
def bad_attribute():
    return divide(1, 2).nothing


@task()
def bad_operator():
    return divide(1, 2) + "text"
