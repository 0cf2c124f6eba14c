"""Failures of this process's own making, and what a form is given of one.

Decided here: how an exception becomes a `Failure` and a value. Not here: what fails with what
(`engine`). No state: a failure keeps its exception once somebody has asked for it.
"""

from __future__ import annotations

from redunlite import tracebacks
from redunlite.exceptions import encode_exception_value
from redunlite.job import DONE, Failure, Job, Node
from redunlite.value import decode_error, encode_error
from redunlite.valuestore import ValueStore


def make_failure(error: BaseException, job: Job | None, store: ValueStore) -> Failure:
    """Return the failure for an exception raised in this process."""
    detail = tracebacks.describe_exception(error)
    return Failure(encode_error(error, detail, store), detail, job, error)


def load_error(failure: Failure, store: ValueStore) -> BaseException:
    """Return the exception of a failure, decoded once."""
    if failure.live is None:
        assert failure.error is not None
        failure.live = decode_error(failure.error, failure.detail, store)
    return failure.live


def make_error_node(failure: Failure, error: BaseException, store: ValueStore) -> Node:
    """Return the exception as a value that came from the failed call."""
    node = Node(None)
    node.state = DONE
    node.result = encode_exception_value(error, store)
    if failure.job is not None and failure.job.call_id:
        node.origin = failure.job.call_id
        node.upstream = failure.job.call_hash
    return node
