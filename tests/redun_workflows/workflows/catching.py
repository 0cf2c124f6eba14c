"""`catch`: recoveries, which class takes what, and what is tried again by the next run."""

from redun import catch, task, throw

redun_namespace = "catching"


class LabError(Exception):
    """An error of the workflow's own."""


class TooDeep(LabError):
    """A narrower one."""


@task()
def divide(a: int, b: int) -> float:
    return a / b


@task()
def fail(kind: str):
    if kind == "deep":
        raise TooDeep("too deep")
    if kind == "lab":
        raise LabError("lab")
    raise ValueError(kind)


@task()
def middle(kind: str):
    return [fail(kind)]


@task()
def recover(error):
    return f"recovered from {type(error).__name__}: {error}"


@task()
def raise_again(error):
    raise error


@task()
def other(error):
    return f"other took {type(error).__name__}"


@task()
def main():
    return [
        catch(divide(1, 2), ZeroDivisionError, recover),
        catch(divide(1, 0), ZeroDivisionError, recover),
        catch(divide(1, 0), ArithmeticError, recover),
        catch(divide(2, 0), (ValueError, ZeroDivisionError), recover),
        catch(middle("deep"), ValueError, other, LabError, recover),
        catch(fail("lab"), TooDeep, other, LabError, recover),
        catch(catch(fail("value"), ValueError, raise_again), ValueError, other),
        catch([divide(4, 2), divide(3, 0)], ZeroDivisionError, recover),
        catch(throw(KeyError("k")), KeyError, recover),
        catch(divide(1, 0) + 1, ZeroDivisionError, recover),
    ]


@task()
def not_taken():
    return catch(fail("lab"), ValueError, recover)


@task()
def recovery_fails():
    return catch(fail("lab"), LabError, raise_again)
