"""Failures of this process's own making, and what a form is given of one.

Decided here: how an exception becomes a `Failure` and a value. Not here: what fails with what
(`engine`). No state: a failure keeps its exception once somebody has asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redunlite import serialize, tracebacks
from redunlite.errors import RedunliteError, RemoteError
from redunlite.job import DONE, Failure, Job, Node
from redunlite.value import ErrorValue
from redunlite.valuestore import ValueStore


def make_failure(error: BaseException, job: Job | None, store: ValueStore) -> Failure:
    """Return the failure for an exception raised in this process."""
    detail = tracebacks.describe_exception(error)
    ref = serialize.encode(ErrorValue(error, detail), store)
    return Failure(ref, detail, job, error)


def load_error(failure: Failure, decode: Callable[[Any], Any]) -> BaseException:
    """Return the exception of a failure, decoded once."""
    if failure.live is None:
        held = decode(failure.error)
        failure.live = held.error if isinstance(held, ErrorValue) else Exception(repr(held))
    return failure.live


def make_error_node(failure: Failure, error: BaseException, store: ValueStore) -> Node:
    """Return the exception as a value that came from the failed call."""
    node = Node(None)
    node.state = DONE
    try:
        node.result = serialize.encode_exception_value(error, store)
    except RedunliteError:  # what it holds has no hash: its text has
        plain = RemoteError(serialize.type_name(type(error)), str(error))
        node.result = serialize.encode_exception_value(plain, store)
    if failure.job is not None and failure.job.call_id:
        node.origin = failure.job.call_id
        node.upstream = failure.job.call_hash
    return node
