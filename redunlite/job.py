"""What the engine keeps of an expression while it is reduced: nodes, of which a `Job` is one.

Data and no more: every change of state happens in `engine`. A node is *waiting* until all that it needs is
there, then *done* with a result or *failed*; whoever needs it stands among its waiters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from redunlite import hashing
from redunlite.absent import explain_absent
from redunlite.call import ErrorDetail, Usage
from redunlite.kinds import ValueRef
from redunlite.nested import Split

if TYPE_CHECKING:
    from redunlite.task import Task

WAITING, DONE, FAILED = 0, 1, 2
"""States of a node."""

NEW, PREPARED, EXPANDED, READY, ASKED, QUEUED, SENT, REDUCING, FOLLOWING, ENDED = range(10)
"""Phases of a job: before its arguments are bound; its options are expressions that are not all known; arguments bound, but
not all known; known; looked up in the cache; waiting for a limit or a worker; at a worker; its result is being reduced; another
job computes the same; over."""

CACHE_OFF = "cache off"
"""The reason of a job that was not to be answered from an earlier run."""

Origin = Any
"""Where a value came from: None, an origin code of `recorder/models.py`, or a list of codes."""


def join_origins(sources: Sequence[tuple[Origin, bytes]]) -> tuple[Origin, bytes]:
    """Return the origin of a value that was made of several, and its part of an upstream digest.

    Parameters
    ----------
    sources
        Origin and upstream digest of each part that has an origin.
    """
    if not sources:
        return None, b""
    origins: list[Any] = []
    for origin, _ in sources:
        if type(origin) is list:
            origins.extend(origin)
        else:
            origins.append(origin)
    if len(origins) == 1:
        return origins[0], sources[0][1]
    upstreams = b"".join([upstream for _, upstream in sources])
    return list(dict.fromkeys(origins)), hashing.digest(b"origins", upstreams)


class Inherited(NamedTuple):
    """What a job hands down to the calls below it; one object for all that have the same."""

    context: Mapping[str, Any]
    """Context variables in force."""
    options: Mapping[str, Any]
    """Exported options, of this job's ancestors and its own."""
    context_key: bytes = b""
    """Tells contexts apart within a run; empty for the context that the run began with."""
    is_read: bool = False
    """Whether the job, or one below it, has looked at the context."""


class CachedCall(NamedTuple):
    """A recorded call that has the eval hash that was asked for."""

    id: int
    """Row id."""
    is_ok: bool
    """Whether it has a final value; a failed or open one may still have `single`."""
    result: ValueRef | None
    """The final value."""
    single: ValueRef | None
    """The recorded expression that the function returned; None when it returned `result`."""
    call_hash: bytes
    task_set: int | None
    """Row id of the set of tasks below; None: only its own."""
    upstream: bytes
    """Digest of where the arguments came from."""
    result_origin: int | None
    context: ValueRef | None = None
    """The context variables on which the final value may depend; None: on none."""


class Failure:
    """Why a node failed: the error, and the job in which it happened.

    One object climbs from that job to the root or to the `catch` that takes it.
    """

    __slots__ = ("detail", "error", "job", "live", "output_tail")

    def __init__(
        self,
        error: ValueRef | None,
        detail: ErrorDetail,
        job: Job | None,
        live: BaseException | None = None,
        output_tail: str = "",
    ) -> None:
        self.error = error
        """The encoded `ErrorValue`."""
        self.detail = detail
        self.job = job
        self.live = live
        """The exception itself, when it was raised in this process."""
        self.output_tail = output_tail


class Node:
    """Something whose value is not known yet."""

    __slots__ = (
        "failure",
        "n_missing",
        "origin",
        "parent",
        "result",
        "state",
        "upstream",
        "waiters",
    )

    def __init__(self, parent: Job | None) -> None:
        self.parent = parent
        """The job whose result (or whose arguments) it belongs to."""
        self.state = WAITING
        self.n_missing = 0
        """How many nodes it waits for."""
        self.result: ValueRef | None = None
        self.failure: Failure | None = None
        self.origin: Origin = None
        self.upstream: bytes = b""
        """What the origin contributes to a call's upstream digest."""
        self.waiters: Node | list[Node] | None = None
        """Who waits for it; most often one, who then stands here without a list."""

    def add_waiter(self, waiter: Node) -> None:
        """Let somebody wait for it."""
        if self.waiters is None:
            self.waiters = waiter
        elif isinstance(self.waiters, list):
            self.waiters.append(waiter)
        else:
            self.waiters = [self.waiters, waiter]

    def take_waiters(self) -> Sequence[Node]:
        """Return who waits for it, and forget them."""
        waiters, self.waiters = self.waiters, None
        if waiters is None:
            return ()
        return waiters if isinstance(waiters, list) else (waiters,)


@explain_absent
class Job(Node):
    """A call of a task in this run."""

    __slots__ = (
        "arguments", "cached", "call_hash", "call_id", "call_written", "child_hashes", "containers",
        "eval_hash",
        "expression", "index", "inherited", "is_written", "kind", "options", "origins", "pending", "phase",
        "rank", "ranks", "reason", "salt", "serial", "single", "start_time", "task", "task_ids",
        "upstream_digest", "usage", "value_origin", "output",
    )  # fmt: skip

    def __init__(self, parent: Job | None, task: Task[..., Any], serial: int) -> None:
        self.parent = parent
        self.state = WAITING
        self.n_missing = 0
        self.result = None
        self.failure = None
        self.origin = None
        self.upstream = b""
        self.waiters = None
        self.task = task
        self.serial = serial
        """Counts jobs in this run from 1; the low half of the row id."""
        self.phase = NEW
        self.index = 0
        """Place among the parent's children."""
        self.expression: Any = None
        """The `TaskExpression` it stands for; dropped when it ends."""
        self.options: dict[str, Any] = task.base_options
        self.inherited: Inherited | None = None
        """What ancestors and its own options hand down; None where nothing is."""
        self.arguments: Sequence[Any] = ()
        """One a parameter: a scalar, a `ValueRef`, or a tuple or dict of them for variadic ones.

        The expression's own tuple when all are scalars, else a list.
        """
        self.origins: list[Origin] | None = None
        """One a parameter, where any is known."""
        self.pending: list[tuple[int, Any, Node]] | None = None
        """Arguments that are not known yet: parameter, place inside a variadic one, node."""
        self.eval_hash = b""
        self.upstream_digest = b""
        self.cached: CachedCall | None = None
        """The recorded call that answered it."""
        self.kind = 0
        """KIND_* of `recorder/models.py`."""
        self.single: ValueRef | None = None
        """The recorded expression that the function returned, if it returned one."""
        self.call_id = 0
        self.call_hash = b""
        self.containers: list[int] | None = None
        """Keys of the containers in what its function returned, while they are remembered."""
        self.call_written = False
        self.is_written = False
        self.salt = b""
        self.start_time = 0
        self.usage: Usage | None = None
        self.output: Any = None
        self.child_hashes: list[bytes | None] | None = None
        self.task_ids: set[int] | None = None
        """Tasks below, when there are others than its own."""
        self.value_origin: Origin = None
        """Where the final value came from."""
        self.rank = 0
        """How many earlier children of the parent call the same task."""
        self.ranks: dict[int, int] | None = None
        """How many children of each task there are, by task number."""
        self.reason = ""
        """Why it has no answer, where the cache policy says so."""

    # What a special form of the user's may ask the job around it.

    @property
    def task_name(self) -> str:
        """Full name of its task."""
        return self.task.fullname

    @property
    def parent_job(self) -> Job | None:
        """The job that called it, as redun calls that."""
        return self.parent

    def get_options(self) -> dict[str, Any]:
        """Return the task options in force for it that somebody has set."""
        return dict(self.options)

    def get_option(
        self, key: str, default: Any = None, as_type: Callable[[Any], Any] | None = None
    ) -> Any:
        """Return the value of an option in force for it, or the default.

        Parameters
        ----------
        as_type
            What makes the value another type, where it was set.
        """
        if key not in self.options:
            return default
        value = self.options[key]
        return value if as_type is None else as_type(value)

    def get_context(self) -> dict[str, Any]:
        """Return the context variables in force for it; its result may depend on them from now on."""
        inherited = self.inherited or Inherited({}, {})
        self.inherited = inherited._replace(is_read=True)
        return dict(inherited.context)

    def get_limits(self) -> dict[str, float]:
        """Return the units of each limit that it holds while it runs."""
        return dict(self.options.get("limits") or {})


class ContainerNode(Node):
    """A list, tuple, dict or other container with expressions in it."""

    __slots__ = ("split", "value")

    def __init__(self, parent: Job | None, value: Any) -> None:
        super().__init__(parent)
        self.value = value
        self.split: Split | None = None
        """Its leaves, once it has asked for them."""


class SimpleNode(Node):
    """An operator whose operands are being reduced; afterwards, the value it gave."""

    __slots__ = ("expression", "operands", "tail")

    def __init__(self, parent: Job | None, expression: Any) -> None:
        super().__init__(parent)
        self.expression = expression
        self.operands: list[Any] | None = None
        self.tail: Node | None = None
        """The node of the expression that the operator gave."""


class WatchNode(Node):
    """Waits for a node on behalf of somebody outside of the graph: a promise, a coroutine."""

    __slots__ = ("on_failure", "on_value", "target")

    def __init__(
        self,
        parent: Job | None,
        target: Node,
        on_value: Callable[[Node], None],
        on_failure: Callable[[Failure, BaseException], None],
    ) -> None:
        super().__init__(parent)
        self.target = target
        self.on_value = on_value
        self.on_failure = on_failure
