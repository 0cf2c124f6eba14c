"""Threads of a workflow: what `fork_thread` began and `join_thread` finds again.

Decided here: the key of a thread and when all are over. Not here: what they come to (`engine`).
State: the threads of one run, and which were joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from redunlite import hashing
from redunlite.expression import hash_expression
from redunlite.forms import Evaluated, Fork, FormNode, Join, Start
from redunlite.job import WAITING, Job, Node
from redunlite.valuestore import ValueStore


class ThreadHost(Protocol):
    """What the engine does for threads."""

    store: ValueStore

    def evaluate(self, value: Any, parent: Job | None) -> Any:
        """Return a scalar or a `ValueRef` for what is known, else the node it comes from."""

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`."""


class Threads:
    """Answers `Start`, `Fork` and `Join` for one run."""

    def __init__(self, host: ThreadHost) -> None:
        self._host = host
        self._threads: dict[bytes, Any] = {}
        self._joined: set[bytes] = set()
        self._n_forked: dict[bytes, int] = {}
        """How many threads of each graph there are."""

    def start(self, node: FormNode, asked: Start) -> Evaluated:
        """Begin to evaluate a value."""
        return Evaluated(self._host.evaluate(asked.value, node.parent), self._host.decode)

    def fork(self, node: FormNode, asked: Fork) -> bytes:
        """Begin a thread and return its key."""
        graph = hash_expression(asked.value, self._host.store)
        n_before = self._n_forked.get(graph, 0)
        self._n_forked[graph] = n_before + 1
        key = hashing.digest(b"thread", graph, b"%d" % n_before)
        self._threads[key] = self._host.evaluate(asked.value, node.parent)
        return key

    def join(self, node: FormNode, asked: Join) -> Evaluated:
        """Return what a thread comes to; one that this run has not begun is begun."""
        found = self._threads.get(asked.key)
        if found is None:
            found = self._threads[asked.key] = self._host.evaluate(asked.value, node.parent)
        self._joined.add(asked.key)
        return Evaluated(found, self._host.decode)

    def are_over(self) -> bool:
        """Tell whether no thread is being computed."""
        return not any(
            isinstance(thread, Node) and thread.state == WAITING
            for thread in self._threads.values()
        )

    def iter_lost_failures(self) -> Iterator[str]:
        """Yield the error of each thread that failed and that nobody has joined."""
        for key, thread in self._threads.items():
            if isinstance(thread, Node) and thread.failure is not None and key not in self._joined:
                yield thread.failure.detail.summary
