"""Cache scopes: what a run shares with itself and with runs before."""

from redun import task

redun_namespace = "scopes"

counter = []


@task(cache_scope="NONE")
def none(x: int) -> int:
    return x


@task(cache_scope="CSE")
def within(x: int) -> int:
    return x


@task(cache=False)
def off(x: int) -> int:
    return x


@task()
def everywhere(x: int) -> int:
    return x


@task()
def below(which: str, tag: int):
    return {"none": none, "within": within, "off": off, "everywhere": everywhere}[which](1)


@task()
def main():
    return [
        below(which, tag) for which in ("none", "within", "off", "everywhere") for tag in (1, 2)
    ]


@task(executor="default")
def roll(low: int = 0) -> float:
    import random

    return random.random()


@task()
def two_rolls():
    return is_same([roll.options(cache_scope="NONE")(), roll.options(cache_scope="NONE")()])


@task()
def one_roll_twice():
    dice = roll.options(cache_scope="NONE")()
    return is_same([dice, dice])


@task()
def two_cached_rolls():
    return is_same([roll(), roll()])


@task()
def is_same(values: list) -> bool:
    return len(set(values)) == 1
