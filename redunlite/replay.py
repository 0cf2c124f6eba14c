"""The recorded form of an async call: what its coroutine awaited, and what it gave.

Decided here: when a recorded result stands for a coroutine that is not begun. Not here: how it is
recorded, and how a coroutine runs (`coroutines`). No state.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from redunlite import hashing
from redunlite.expression import AwaitOrigin, hash_expression, place_awaits
from redunlite.forms import Evaluated, EvaluationError, RunAgain, Start
from redunlite.job import Failure, Node
from redunlite.kinds import ValueRef
from redunlite.task import make_scheduler_task
from redunlite.valuestore import ValueStore


def hash_result(found: Any) -> bytes:
    """Return the hash by which what an await came to is compared: of a node, a ref or a scalar."""
    result = found.result if isinstance(found, Node) else found
    token = result.token if type(result) is ValueRef else hashing.token(result)
    return hashing.value_hash(token)


def hash_failure(failure: Failure) -> bytes:
    """Return the hash by which the failure of an await is compared."""
    if failure.error is None:
        return b"error"
    return b"error" + hashing.value_hash(failure.error.token)


def hash_await(expression: Any, store: ValueStore) -> bytes:
    """Return the hash by which an await of a coroutine is found among those of its replay."""
    return hash_expression(expression, store, with_options=True)


@make_scheduler_task("replay")
def replay(events: Any, awaits: Any, hashes: Any, result: Any) -> Generator[Any, Any, Any]:
    """Give a coroutine's recorded result, when all that it awaited comes to what it came to then."""
    events, awaits, hashes = (
        part.get() if isinstance(part, Evaluated) else part for part in (events, awaits, hashes)
    )
    started: dict[int, Evaluated] = {}

    def find_origin(number: int) -> AwaitOrigin | None:
        node = started[number].node if number in started else None
        if not isinstance(node, Node) or node.origin is None:
            return None
        return AwaitOrigin(number, node.origin, node.upstream)

    for event in events:
        if event >= 0:
            place_awaits(awaits[event], find_origin)
            started[event] = yield Start(awaits[event])
            continue
        number = -1 - event
        try:
            found = hash_result((yield started[number]).node)
        except EvaluationError as failed:
            found = hash_failure(failed.failure)
        if found != hashes[number]:
            yield RunAgain([(awaits[i], value) for i, value in started.items()])
            return None
    if not {-1 - number for number in started} <= set(events):
        # It has given an await up, as after a timeout: another time may be another story.
        yield RunAgain([(awaits[i], value) for i, value in started.items()])
        return None
    place_awaits(result, find_origin)
    return result


def index_replayed(
    started: Sequence[tuple[Any, Evaluated]], store: ValueStore
) -> dict[bytes, list[Any]]:
    """Return what a replay has evaluated, by the hash of its graph."""
    found: dict[bytes, list[Any]] = {}
    for expression, value in started:
        found.setdefault(hash_await(expression, store), []).append(value.node)
    return found
