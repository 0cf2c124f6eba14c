"""Plain functions on lazy arguments: apply_func, as_task, eval_."""

import math

from redun import task
from redun.functools import apply_func, as_task, eval_, map_

redun_namespace = "plain_functions"


def scale(x: int, by: int = 2) -> int:
    return x * by


@task()
def inc(x: int) -> int:
    return x + 1


@task()
def main():
    return {
        "apply": [
            apply_func(scale, inc(1)),
            apply_func(scale, 3, by=inc(2)),
            apply_func(sum, [inc(1), 2]),
        ],
        "as_task": [as_task(scale)(inc(3)), map_(as_task(scale), [1, 2]), as_task(math.sqrt)(16)],
        "eval": [
            eval_("x + y", x=inc(1), y=2),
            eval_("a * b", inc(2), 3, pos_args=["a", "b"]),
            eval_(
                """
                [i * step
                 for i in (1, 2)]
                """,
                step=inc(4),
            ),
        ],
    }


@task()
def wrong_names():
    return eval_("a", 1, 2, pos_args=["a"])


@task()
def function_of_a_lambda():
    return apply_func(lambda x: x + 1, inc(1))
