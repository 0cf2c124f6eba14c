"""async tasks: await on tasks, gather, failures, results that are expressions."""

import asyncio

from redun import task

redun_namespace = "asynchronous"


@task()
def double(x: int) -> int:
    return 2 * x


@task()
def fail(x: int):
    raise ValueError(x)


@task(cache=False)
async def one(x: int) -> int:
    value = await double(x)
    return value + 1


@task(cache=False)
async def several(n: int) -> int:
    values = await asyncio.gather(*[double(i) for i in range(n)])
    return sum(values)


@task(cache=False)
async def rescued(x: int) -> str:
    try:
        await fail(x)
    except ValueError as error:
        return f"rescued {error}"
    return "not reached"


@task(cache=False)
async def one_after_another(n: int) -> int:
    x = 1
    while x < n:
        x = await double(x)
    return x


@task(cache=False)
async def nested(x: int) -> int:
    return await one(await one(x))


@task(cache=False)
async def returns_a_call(x: int):
    first = await double(x)
    return double(first)


@task(cache=True, check_valid="shallow")
async def cached(x: int) -> int:
    return await double(x) + await double(x + 1)


@task()
def main():
    return [
        one(1),
        several(4),
        rescued(5),
        one_after_another(20),
        nested(2),
        returns_a_call(3),
        double(one(4)),
        cached(10),
    ]


@task(cache=False)
async def broken(x: int):
    return await fail(x)
