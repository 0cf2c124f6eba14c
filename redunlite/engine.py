"""The engine: reduces an expression graph to a value, with every call looked up, run and recorded.

Decided here: the reduction rule of each kind of expression, and when a job is looked up, sent,
followed, finished, failed or cancelled. Not here: where a call runs (`executors`), which recorded
answer is good (`cache_policy`), how rows are written (`recorder`), what is shown (`reporter`).

Single-threaded; this object owns all job state. A job is in one phase at a time:

    NEW (→ PREPARED) → EXPANDED → READY → ASKED → QUEUED → SENT → REDUCING → ENDED
                               └──────────(hit)────────┘
                               └→ FOLLOWING (another job computes the same call) → ENDED

and only the methods below move it. Waiting jobs are found in `_todo` (something can be done),
`_asked` (for the cache), `_queues` (for a worker), `_limited` (for a limit), `_sent` (at a worker)
and `_open` (sent or reducing). Nothing recurses: a graph of any depth is walked by `_todo`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from redunlite import call as wire
from redunlite import hashing, nested, serialize, tracebacks
from redunlite.cache_policy import Hit, LiveClasses, Recorder, choose_hit, effective_scope
from redunlite.call import Call, Outcome
from redunlite.errors import (
    RedunliteError,
    RemoteError,
    SchedulerError,
    UndecodableError,
    UnhashableValueError,
    UnknownNameError,
)
from redunlite.expression import (
    OPERATORS,
    SCALARS,
    Expression,
    SchedulerExpression,
    SimpleExpression,
    TaskExpression,
    ValueExpression,
    decode_expression,
    dump_graph,
    hash_expression,
    iter_calls,
    load_graph,
    pack_expression,
    remember_node,
    unpack_expression,
)
from redunlite.forms import (
    Abandoned,
    ApplyTags,
    ContextOf,
    Evaluated,
    EvaluationError,
    Fork,
    FormNode,
    Forms,
    Join,
    PromiseNode,
    Recall,
    Remember,
    RunAgain,
    Start,
)
from redunlite.job import (
    ASKED,
    CACHE_OFF,
    DONE,
    ENDED,
    EXPANDED,
    FAILED,
    FOLLOWING,
    NEW,
    PREPARED,
    QUEUED,
    READY,
    REDUCING,
    SENT,
    WAITING,
    CachedCall,
    ContainerNode,
    Failure,
    Inherited,
    Job,
    Node,
    SimpleNode,
    WatchNode,
)
from redunlite.jobinfo import JobInfo, make_job_uuid
from redunlite.kinds import FLAG_FILE, FORMAT_EXPRESSION, Lazy, ValueRef
from redunlite.limits import Limits
from redunlite.nested import merge_dicts
from redunlite.options import CacheScope, check_options, combine_options
from redunlite.preview import format_preview
from redunlite.recovery import Recoveries
from redunlite.replay import index_replayed
from redunlite.reporter import (
    CACHED,
    REJECT,
    RUN,
    FailedJob,
    JobLine,
    Reporter,
    TaskCounts,
)
from redunlite.signature import VAR_KEYWORD, VAR_POSITIONAL
from redunlite.task import CONTEXT_OPTION, PromiseTask, Task, resolve_task
from redunlite.value import ErrorValue
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

if TYPE_CHECKING:
    from redunlite.coroutines import Coroutines
    from redunlite.executors.base import Executor

KIND_RUN, KIND_SINGLE, KIND_ULTIMATE, KIND_CSE = range(4)
"""How a job got its result; as in `recorder/models.py`."""

FINISH, FAIL_FAST, KEEP_GOING = "finish", "fail-fast", "keep-going"
"""What happens to other jobs after a failure that no `catch` takes: running ones finish; running
ones are ended; everything that does not depend on it goes on."""

FLUSH_INTERVAL_S = 0.1
PROGRESS_INTERVAL_S = 0.1
LOOKUP_BATCH = 1000
"""Jobs asked for in one query."""
WORK_STEPS = 2000
"""Nodes moved on between two looks at executors and timers."""
WITHOUT_EFFECT = ("retries", "retry_delay", "timeout", "memory", "cpus", "priority")
"""Options that are accepted and not yet carried out; a run says so once a task."""
FIRST_CALL_ID = 1 << 32
"""Origins from here on are calls; smaller ones are places among the parent's arguments."""
MAX_NAMES = 20
"""Running jobs whose tasks the footer is told."""
MAX_FAILURES = 20
"""Failures that are named at the end, beside the one whose traceback is shown."""
GRACE_S = 1.0
"""How long running jobs may take to end when they are told to."""


def _leave_result(expression: Expression, engine: Engine, job: Job) -> None:
    """Let a plain node with a job's result stand for its expression: a quarter of a job's size."""
    node = Node(None)
    node.state = DONE
    node.result, node.origin, node.upstream = job.result, job.origin, job.upstream
    remember_node(expression, engine, node)


class _Queue:
    """Jobs that wait for one executor.

    Those whose arguments are results of this run go first: what a short job gives is used at once,
    and need not wait until a whole fan-out beside it is through.
    """

    __slots__ = ("after_results", "others")

    def __init__(self) -> None:
        self.after_results: deque[Job] = deque()
        self.others: deque[Job] = deque()

    def add(self, job: Job) -> None:
        """Put a job at the end of its line."""
        line = self.after_results if _uses_results(job) else self.others
        line.append(job)

    def __len__(self) -> int:
        return len(self.after_results) + len(self.others)


def _uses_results(job: Job) -> bool:
    """Tell whether an argument is the result of another call, and not only the parent's own."""
    origins = job.origins
    if origins is None:
        return False
    return any(o is not None and (type(o) is list or o >= FIRST_CALL_ID) for o in origins)


@dataclass(frozen=True)
class RunResult:
    """What a run came to."""

    status: str
    """DONE, FAILED, CANCELLED, or DRY when a dry run met a job that would run."""
    value: ValueRef | None
    failure: Failure | None
    uuid: str
    counts: Mapping[str, TaskCounts]
    signal_number: int = 0
    """The signal that ended the run."""


class Engine:
    """Runs one expression.

    Parameters
    ----------
    recorder, executors, store, reporter, limits, waits
        The parts it works with; it closes none of them but the executors it started.
    use_cache
        False: answers only from this very run.
    dry_run
        Nothing runs; what would run is reported.
    failure_policy
        FINISH, FAIL_FAST or KEEP_GOING.
    context
        Context variables that hold where no task sets others.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        executors: Mapping[str, Executor],
        store: ValueStore,
        reporter: Reporter,
        limits: Limits,
        waits: Waits,
        use_cache: bool = True,
        dry_run: bool = False,
        failure_policy: str = FINISH,
        default_executor: str = "default",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self.recorder = recorder
        self.store = store
        self.waits = waits
        self.classes = LiveClasses()
        self.counts: dict[str, TaskCounts] = {}
        self.is_stopping = False
        """Nothing new starts any more."""
        self._executors = executors
        self._default_executor = default_executor
        self._started: dict[str, Executor] = {}
        self._reporter = reporter
        self._limits = limits
        self.use_cache = use_cache
        self._dry_run = dry_run
        self._policy = failure_policy
        self._todo: deque[Node] = deque()
        self._failed: deque[tuple[Node, Failure]] = deque()
        self._asked: list[Job] = []
        self._queues: dict[str, _Queue] = {}
        self._queue_of: dict[str, _Queue] = {}
        """By the name that tasks use, which may be an alias."""
        self._limited: deque[Job] = deque()
        self._following: dict[int, Job] = {}
        self._sent: dict[int, Job] = {}
        self._open: dict[int, Job] = {}
        self._unwritten: list[Job] = []
        self._seen: dict[bytes, Any] = {}
        """`_seen_key` to the `Job` in flight, or to what a finished one left for `_copy_call`."""
        self._tasks: dict[int, Task[..., Any]] = {}
        self._task_ids: dict[int, int] = {}
        self._prefixes: dict[int, tuple[bytes, tuple[int, ...] | None]] = {}
        self._info_places: dict[int, list[int]] = {}
        """Task number to the parameters that are told about the job."""
        self._live: dict[int, tuple[Any, ValueRef]] = {}
        self._containers: dict[int, ContainerNode] = {}
        self._decoded: tuple[ValueRef | None, Any] = (None, None)
        self._scopes: dict[int, tuple[Expression, Job]] = {}
        """`id` of an expression to the job whose context holds for it, where not the parent's."""
        self._threads: dict[bytes, Any] = {}
        """What forms have started to evaluate on the side, by its key."""
        self._joined: set[bytes] = set()
        self._n_forked: dict[bytes, int] = {}
        """How many threads of each graph there are."""
        self._coroutines: Coroutines | None = None
        self._inherited = Inherited(dict(context), EMPTY) if context else None
        """What the root job inherits: the context that the run began with."""
        recoveries = Recoveries(self)
        self._forms = Forms(
            self,
            {
                Recall: recoveries.recall,
                Remember: recoveries.remember,
                Start: self._start,
                Fork: self._fork,
                Join: self._join,
                ContextOf: self._read_context,
                RunAgain: self._run_again,
                ApplyTags: self._apply_tags,
            },
        )
        self.uuid = ""
        self.on_begin: Callable[[str], None] = lambda uuid: None
        """Called with the UUID once the execution is recorded."""
        self._root: Node | None = None
        self._n_jobs = 0
        self.n_would_run = 0
        """Jobs that a dry run found no answer for."""
        self._first_failure: Failure | None = None
        self._untaken: dict[Failure, None] = {}
        """Failures of jobs that no form has taken, in the order in which they came."""
        self.signal_number = 0
        self.n_signals = 0

    # Running.

    def run(self, value: Any, argv: Sequence[str] = ()) -> RunResult:
        """Reduce `value` to the end and return what came of it.

        The root job belongs to the task called; anything else is wrapped in a root task of its own.
        """
        is_call = type(value) is TaskExpression
        self.uuid = self.recorder.begin(argv, value._task if is_call else ROOT_TASK)
        self.on_begin(self.uuid)
        root: Node = self._node_of(value, None) if is_call else self._start_root(value)
        self._root = root
        flush = self.waits.call_after(FLUSH_INTERVAL_S, self._on_flush_timer)
        if self._reporter.wants_progress:
            self.waits.call_after(PROGRESS_INTERVAL_S, self._on_progress_timer)
        try:
            self._loop(root)
        finally:
            flush.cancel()
            for executor in self._started.values():
                executor.stop()
            if self._coroutines is not None:
                self.is_stopping = True
                self._coroutines.close()
        return self._end(root)

    def _start_root(self, value: Any) -> Job:
        job = self._new_job(ROOT_TASK, None)
        job.eval_hash = hashing.digest(b"root", self.uuid.encode(), str(id(job)).encode())
        self._enter(job, REDUCING)
        job.start_time = time.time_ns() // 1000
        self._count(job).pending -= 1
        self._count(job).running += 1
        self._reduce(job, value)
        return job

    def _loop(self, root: Node) -> None:
        waits = self.waits
        while True:
            busy = self._work()
            if self.n_signals:
                self._on_signal()
            if root.state != WAITING and self._is_over(root):
                return
            if not busy:
                if not self._sent and not self._todo:
                    if root.state != WAITING or self._dry_run or self.is_stopping:
                        return
                    if self._coroutines is None or not self._coroutines.is_waiting_outside():
                        self._report_deadlock(root)
                        continue
                waits.wait(None)
            else:
                waits.wait(0)

    def _is_over(self, root: Node) -> bool:
        if self._failed:
            return False
        if root.state == DONE:
            return not self._sent and not self._todo and self._are_threads_over()
        if self._policy == KEEP_GOING and not self.is_stopping:
            return not (
                self._sent or self._todo or self._asked or any(map(len, self._queues.values()))
            )
        return not self._sent

    def _work(self) -> bool:
        """Do a bounded piece of what can be done now; tell whether there may be more."""
        todo, failed = self._todo, self._failed
        coroutines = self._coroutines
        if coroutines is not None and coroutines.is_ready:
            coroutines.turn()
        for _ in range(WORK_STEPS):
            if failed:
                self._pass_on_failure(*failed.popleft())
            elif todo:
                self._advance(todo.popleft())
            elif self._asked and not self.is_stopping:
                self._look_up()
            else:
                break
            if len(self._asked) >= LOOKUP_BATCH and not self.is_stopping:
                self._look_up()
        if self._queues:
            self._pump()
        if self._coroutines is not None and self._coroutines.is_ready:
            return True
        return bool(todo or failed or (self._asked and not self.is_stopping))

    def _advance(self, node: Node) -> None:
        """Move a node on whose needs are met."""
        if node.state != WAITING:
            return
        if type(node) is Job:
            if node.phase <= PREPARED:
                if not self.is_stopping:
                    self._expand_job(node)
            elif node.phase == EXPANDED:
                if not self.is_stopping:
                    self._bind(node)
            elif node.phase == REDUCING:
                self._finish_reduced(node)
            elif node.phase == FOLLOWING:
                self._finish_following(node)
        elif type(node) is ContainerNode:
            self._advance_container(node)
        elif type(node) is SimpleNode:
            self._advance_simple(node)
        elif isinstance(node, FormNode):
            self._forms.advance(node)
        elif type(node) is WatchNode:
            node.state = DONE
            node.on_value(node.target)

    # From an expression to a node.

    def evaluate(self, value: Any, parent: Job | None) -> Any:
        """Return a scalar or a `ValueRef` for what is known, else the node it comes from."""
        kind = type(value)
        if kind in SCALARS or kind is ValueRef:
            return value
        if isinstance(value, Expression):
            return self._node_of(value, parent)
        if kind is Evaluated:
            return value.node
        known = self._containers.get(id(value))
        if known is not None and known.value is value:
            return known
        if nested.has_lazy(value):
            return self._container_of(value, parent)
        return self._encode_live(value)

    def _node_of(self, expression: Expression, parent: Job | None) -> Any:
        """Return the one node of an expression object in this run."""
        if expression._run is self:
            return expression._node
        node: Any
        if type(expression) is TaskExpression:
            scope = self._take_scope(expression, parent) if self._scopes else parent
            node = self._new_job(expression._task, parent, scope)
            node.expression = expression
            self._todo.append(node)
        elif type(expression) is SimpleExpression:
            node = SimpleNode(parent, expression)
            self._todo.append(node)
        elif type(expression) is SchedulerExpression:
            scope = self._take_scope(expression, parent) if self._scopes else parent
            kind = PromiseNode if isinstance(expression._task, PromiseTask) else FormNode
            node = kind(parent, expression, scope)
            self._todo.append(node)
        elif type(expression) is ValueExpression:
            node = self.evaluate(expression._value, parent)
        else:
            raise SchedulerError(f"{expression!r} is no expression that can be evaluated")
        remember_node(expression, self, node)
        return node

    def _new_job(self, task: Task[..., Any], parent: Job | None, scope: Job | None = None) -> Job:
        self._n_jobs += 1
        job = Job(parent, task, self._n_jobs)
        inherited = self._inherited if scope is None else scope.inherited
        if inherited is not None:
            if inherited.is_read:
                inherited = _hand_down(inherited)
            job.inherited = inherited
        if (task.has_rules or inherited is not None) and not task.has_lazy_options:
            self._settle_options(job, task.base_options, task.call_options)
        if parent is not None:
            hashes = parent.child_hashes
            if hashes is None:
                hashes = parent.child_hashes = []
            job.index = len(hashes)
            hashes.append(None)
            ranks = parent.ranks
            if ranks is None:
                ranks = parent.ranks = {}
            job.rank = ranks.get(task.number, 0)
            ranks[task.number] = job.rank + 1
        counts = self.counts.get(task.fullname)
        if counts is None:
            counts = self.counts[task.fullname] = TaskCounts()
        counts.pending += 1
        return job

    def _settle_options(self, job: Job, base: Mapping[str, Any], call: Mapping[str, Any]) -> None:
        """Give a job the options in force, and what it hands down."""
        handed = job.inherited or NOTHING_INHERITED
        options, exported = combine_options(base, call, handed.options)
        override = options.pop(CONTEXT_OPTION, None)
        context, key = handed.context, handed.context_key
        if override:
            context = merge_dicts(context, override)
            key = hashing.digest(b"context", hashing.token(context))
        job.options = options
        if exported or override:
            job.inherited = Inherited(context, exported, key, handed.is_read)

    def _take_scope(self, expression: Expression, parent: Job | None) -> Job | None:
        """Return the job whose context holds for an expression; the parent's, but for defaults."""
        found = self._scopes.pop(id(expression), None)
        return parent if found is None else found[1]

    def _copy_for(self, value: Any, job: Job) -> Any:
        """Return a copy of a value with expressions in it that is evaluated for one job only.

        A default and a decorator's option are one object for all calls; what they depend on, the
        context, is each call's own.
        """
        copied = load_graph(*dump_graph(value))
        for expression in iter_calls(copied):
            self._scopes[id(expression)] = (expression, job)
        return copied

    def _container_of(self, value: Any, parent: Job | None) -> ContainerNode:
        node = self._containers.get(id(value))
        if node is None:
            node = self._containers[id(value)] = ContainerNode(parent, value)
            self._todo.append(node)
            if parent is not None:
                if parent.containers is None:
                    parent.containers = []
                parent.containers.append(id(value))
        return node

    def _encode_live(self, value: Any) -> ValueRef:
        """Return the encoding of a live value, made once for each object in a run."""
        kept = self._live.get(id(value))
        if kept is None:
            kept = self._live[id(value)] = (value, serialize.encode(value, self.store))
        return kept[1]

    def wait_for(self, waiter: Node, node: Node) -> bool:
        """Let `waiter` wait for `node`, unless it is done; tell whether it waits or has failed."""
        if node.state == DONE:
            return False
        waiter.n_missing += 1
        if node.state == FAILED:
            assert node.failure is not None
            self._failed.append((waiter, node.failure))
        elif node.waiters is None:
            node.waiters = [waiter]
        else:
            node.waiters.append(waiter)
        return True

    # Containers, operators and special forms.

    def _advance_container(self, node: ContainerNode) -> None:
        evaluate, parent = self.evaluate, node.parent
        split = node.split
        if split is None:
            try:
                split = node.split = nested.Split(node.value, nested.LazyContainers())
            except UnhashableValueError as error:
                self.fail(node, self.make_failure(error, node.parent))
                return
            for leaf in split.leaves:
                child = evaluate(leaf, parent) if type(leaf) not in SCALARS else leaf
                if isinstance(child, Node):
                    self.wait_for(node, child)
            if node.n_missing:
                return
        parts: list[Any] = []
        origins: list[Any] = []
        upstreams: list[bytes] = []
        for leaf in split.leaves:
            # Asked for again and not kept: a job that ended has left a smaller node behind.
            child = evaluate(leaf, parent) if type(leaf) not in SCALARS else leaf
            if isinstance(child, Node):
                parts.append(child.result)
                if child.origin is not None:
                    if type(child.origin) is list:
                        origins.extend(child.origin)
                    else:
                        origins.append(child.origin)
                    upstreams.append(child.upstream)
            else:
                parts.append(child)
        try:
            node.result = serialize.compose(split.join(parts), self.store)
        except Exception as error:  # sets and keys call the user's own `__hash__` and `__eq__`
            self.fail(node, self.make_failure(error, node.parent))
            return
        node.split = None
        if origins:
            if len(origins) == 1:
                node.origin, node.upstream = origins[0], upstreams[0]
            else:
                node.origin = list(dict.fromkeys(origins))
                node.upstream = hashing.digest(b"origins", b"".join(upstreams))
        self.resolve(node)

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`, freshly decoded."""
        return serialize.decode(value, self.store) if type(value) is ValueRef else value

    def _peek(self, value: Any) -> Any:
        """Return a decoded value for reading only; the latest one is remembered."""
        if type(value) is not ValueRef:
            return value
        if self._decoded[0] is not value:
            self._decoded = (value, serialize.decode(value, self.store))
        return self._decoded[1]

    def _advance_simple(self, node: SimpleNode) -> None:
        if node.tail is not None:
            self.take_over(node, node.tail)
            return
        expression = node.expression
        if node.operands is None:
            operands = expression._operands
            if expression._operator == "call":
                function, args, kwargs = operands
                operands = (function, *args, *kwargs.values())
            node.operands = [self.evaluate(o, node.parent) for o in operands]
            for operand in node.operands:
                if isinstance(operand, Node):
                    self.wait_for(node, operand)
            if node.n_missing:
                return
        origins: list[Any] = []
        upstreams: list[bytes] = []
        values: list[Any] = []
        for operand in node.operands:
            if isinstance(operand, Node):
                values.append(operand.result)
                if operand.origin is not None:
                    many = type(operand.origin) is list
                    origins.extend(operand.origin if many else [operand.origin])
                    upstreams.append(operand.upstream)
            else:
                values.append(operand)
        try:
            result = self._apply(expression, values)
            if isinstance(result, Lazy) or nested.has_lazy(result):
                tail = self.evaluate(result, node.parent)
                node.tail = tail
                if not self.wait_for(node, tail):
                    self.take_over(node, tail)
                return
            node.result = serialize.encode(result, self.store)
        except Exception as error:  # an operator of the user's own values: whatever it raises
            self.fail(node, self.make_failure(error, node.parent))
            return
        if origins:
            one = len(origins) == 1
            node.origin = origins[0] if one else list(dict.fromkeys(origins))
            node.upstream = upstreams[0] if one else hashing.digest(b"origins", b"".join(upstreams))
        self.resolve(node)

    def _apply(self, expression: SimpleExpression, values: list[Any]) -> Any:
        name = expression._operator
        if name == "call":
            _, args, kwargs = expression._operands
            live = [self.decode(v) for v in values]
            n = len(args) + 1
            return live[0](*live[1:n], **dict(zip(kwargs, live[n:])))
        if name in ("getitem", "getslice", "getattr", "unpack"):
            live = [self._peek(values[0]), *(self.decode(v) for v in values[1:])]
            if name in ("getitem", "unpack"):
                self._check_length(expression, live[0])
        else:
            live = [self.decode(v) for v in values]
        return OPERATORS[name](*live)

    def _check_length(self, expression: SimpleExpression, value: Any) -> None:
        """Raise `ValueError` when a call gave another number of results than it promises.

        What an annotation promises counts only where somebody has unpacked the call.
        """
        source = expression._operands[0]
        if type(source) is TaskExpression:
            nout = source._task.options_for_call().get("nout")
            if expression._operator == "unpack":
                nout = expression._operands[2]
            if nout is not None and len(value) != nout:
                raise ValueError(
                    f"task {source._task.fullname!r} promises {nout} results "
                    f"and returned {len(value)}"
                )

    def as_ref(self, value: Any) -> ValueRef:
        """Return a scalar or a `ValueRef` as the latter."""
        return value if type(value) is ValueRef else serialize.encode(value, self.store)

    def take_over(self, node: Node, other: Any) -> None:
        """Resolve `node` with what `other` came to."""
        if isinstance(other, Node):
            node.result, node.origin, node.upstream = other.result, other.origin, other.upstream
        else:
            node.result = self.as_ref(other)
        self.resolve(node)

    def _start(self, node: FormNode, asked: Start) -> Evaluated:
        return Evaluated(self.evaluate(asked.value, node.parent), self.decode)

    def _fork(self, node: FormNode, asked: Fork) -> bytes:
        graph = hash_expression(asked.value, self.store)
        n_before = self._n_forked.get(graph, 0)
        self._n_forked[graph] = n_before + 1
        key = hashing.digest(b"thread", graph, b"%d" % n_before)
        self._threads[key] = self.evaluate(asked.value, node.parent)
        return key

    def _join(self, node: FormNode, asked: Join) -> Evaluated:
        found = self._threads.get(asked.key)
        if found is None:
            found = self._threads[asked.key] = self.evaluate(asked.value, node.parent)
        self._joined.add(asked.key)
        return Evaluated(found, self.decode)

    def _are_threads_over(self) -> bool:
        return not any(
            isinstance(thread, Node) and thread.state == WAITING
            for thread in self._threads.values()
        )

    def _warn_of_threads(self) -> None:
        """Tell about threads that failed and that nobody has joined."""
        for key, thread in self._threads.items():
            if isinstance(thread, Node) and thread.failure is not None and key not in self._joined:
                summary = thread.failure.detail.summary
                self._reporter.warning(f"a forked thread that nobody joined failed: {summary}")

    def _read_context(self, node: FormNode, asked: ContextOf) -> Mapping[str, Any]:
        if node.parent is not None:
            self._note_context_read(node.parent)
        inherited = self._inherited if node.scope is None else node.scope.inherited
        return EMPTY if inherited is None else inherited.context

    def _apply_tags(self, node: FormNode, asked: ApplyTags) -> None:
        job = node.parent
        if job is not None and _is_unrecorded(job):
            return
        if asked.tags:
            found = asked.value.node
            ref = self.as_ref(found.result if isinstance(found, Node) else found)
            self.recorder.tag_value(hashing.value_hash(ref.token), asked.tags)
        if asked.job_tags and job is not None:
            self.recorder.tag_job(job, asked.job_tags)
        if asked.execution_tags:
            self.recorder.tag_execution(asked.execution_tags)

    def _note_context_read(self, job: Job) -> None:
        """Remember that what a job comes to may depend on the context."""
        if not _reads_context(job):
            job.inherited = (job.inherited or NOTHING_INHERITED)._replace(is_read=True)

    # Jobs: from arguments to an answer or a worker.

    def _expand_job(self, job: Job) -> None:
        """Bind the arguments of a job and start evaluating those that are expressions."""
        expression = job.expression
        task = job.task
        if task.has_lazy_options and not self._are_options_known(job):
            return
        job.phase = EXPANDED
        bound = task.parameters.bind(expression._args, expression._kwargs)
        job.arguments = bound
        for i in task.lazy_defaults:
            if bound[i] is task.parameters.defaults[i]:
                bound[i] = self._copy_for(bound[i], job)
        if expression._origins:
            job.origins = self._place_origins(task, expression, len(bound))
        for i, value in enumerate(bound):
            if type(value) not in SCALARS:
                try:
                    self._expand_argument(job, i, value)
                except (TypeError, RedunliteError) as error:
                    self.fail(job, self.make_failure(error, job))
                    return
        if not job.n_missing:
            self._bind(job)

    def _are_options_known(self, job: Job) -> bool:
        """Evaluate option values that are expressions; tell whether the job can go on with them."""
        known: list[dict[str, Any]] = []
        try:
            if job.phase == NEW:
                job.phase = PREPARED
                self._ask_for_options(job)
                if job.n_missing:
                    return False
            pending, job.pending = job.pending, None
            values = {(side, name): node.result for side, name, node in pending or ()}
            for side, given in enumerate((job.task.base_options, job.task.call_options)):
                options = dict(given)
                for name in given:
                    if (side, name) in values:
                        options.update(self._read_option(job, name, values[side, name]))
                known.append(options)
            self._settle_options(job, *known)
        except (TypeError, RedunliteError) as error:
            self.fail(job, self.make_failure(error, job))
            return False
        return True

    def _ask_for_options(self, job: Job) -> None:
        for side, given in enumerate((job.task.base_options, job.task.call_options)):
            for name, value in given.items():
                if nested.has_lazy(value):
                    found = self.evaluate(self._copy_for(value, job), job.parent)
                    if not isinstance(found, Node):
                        node = Node(None)
                        node.state, node.result = DONE, self.as_ref(found)
                        found = node
                    self._add_pending(job, side, name, found)

    def _read_option(self, job: Job, name: str, value: Any) -> dict[str, Any]:
        """Return an evaluated option in its normal form."""
        live = self.decode(value)
        if name == CONTEXT_OPTION:
            return {name: live}
        return check_options({name: live}, f"options of task {job.task.fullname!r}")

    def _expand_argument(self, job: Job, i: int, value: Any) -> None:
        kind = job.task.parameters.kinds[i]
        if kind != VAR_POSITIONAL and kind != VAR_KEYWORD:
            found = self.evaluate(value, job.parent)
            if isinstance(found, Node):
                self._add_pending(job, i, None, found)
            else:
                job.arguments[i] = found
            return
        items: Any = list(value) if kind == VAR_POSITIONAL else dict(value)
        job.arguments[i] = items
        for key, item in enumerate(value) if kind == VAR_POSITIONAL else value.items():
            found = self.evaluate(item, job.parent)
            if isinstance(found, Node):
                self._add_pending(job, i, key, found)
            else:
                items[key] = found

    def _add_pending(self, job: Job, i: int, key: Any, node: Node) -> None:
        if job.pending is None:
            job.pending = []
        job.pending.append((i, key, node))
        self.wait_for(job, node)

    def _place_origins(self, task: Task[..., Any], expression: Any, n: int) -> list[Any]:
        """Return the origin of each parameter whose argument is one of the parent's arguments."""
        origins: list[Any] = [None] * n
        for key, place in expression._origins.items():
            i = key if isinstance(key, int) else task.parameters.positions.get(key)
            if i is not None and i < n:
                origins[i] = place
        return origins

    def _bind(self, job: Job) -> None:
        """Give a job its hash, and an answer from this run if there is one."""
        if job.pending is not None or job.origins is not None:
            self._take_pending(job)
        try:
            classes: set[str] = set()
            args_hash = self._hash_arguments(job, classes)
            digest = self._hash_classes(classes) if classes else b""
            job.eval_hash = hashing.eval_hash(job.task.hash, args_hash, digest)
        except Exception as error:  # hashing reaches the user's own classes
            self.fail(job, self.make_failure(error, job))
            return
        job.phase = READY
        scope = effective_scope(job.options, self.use_cache) if job.options else (
            CacheScope.BACKEND if self.use_cache else CacheScope.CSE
        )  # fmt: skip
        if scope is not CacheScope.NONE:
            key = _seen_key(job)
            earlier = self._seen.get(key)
            if earlier is not None:
                self._follow(job, earlier)
                return
            self._seen[key] = job
        if scope is CacheScope.BACKEND:
            job.phase = ASKED
            self._asked.append(job)
        else:
            job.reason = CACHE_OFF
            self._miss(job)

    def _hash_arguments(self, job: Job, classes: set[str]) -> bytes:
        """Return the hash of a job's arguments; adds the classes with instances among them."""
        prepared = self._prefixes.get(job.task.number)
        if prepared is None:
            prepared = self._prepare_task(job.task)
        prefix, kept = prepared
        values = job.arguments if kept is None else [job.arguments[i] for i in kept]
        tokens = []
        for value in values:
            if type(value) is ValueRef:
                tokens.append(value.token)
                if value.classes:
                    classes.update(value.classes)
            elif type(value) in SCALARS:
                tokens.append(hashing.token(value))
            else:
                tokens.append(
                    hashing.token(tuple(value) if type(value) is list else value, classes)
                )
        return hashing.hash_arguments(prefix, tokens)

    def _prepare_task(self, task: Task[..., Any]) -> tuple[bytes, tuple[int, ...] | None]:
        """Work out, once a task, what all its calls share."""
        self._tasks[task.number] = task
        for name in WITHOUT_EFFECT:
            if name in task.base_options:
                self._reporter.warning(
                    f"option {name!r} of task {task.fullname!r} has no effect in this version"
                )
        names = task.parameters.names
        skipped = set(task.identity.get("config_args", ()))
        infos = [i for i, d in enumerate(task.parameters.defaults) if type(d) is JobInfo]
        if infos:
            self._info_places[task.number] = infos
            skipped.update(names[i] for i in infos)
        kept = None
        if skipped:
            kept = tuple(i for i, name in enumerate(names) if name not in skipped)
            names = tuple(name for name in names if name not in skipped)
        prepared = (hashing.arguments_prefix(names), kept)
        self._prefixes[task.number] = prepared
        return prepared

    def _hash_classes(self, classes: set[str]) -> bytes:
        from redunlite.fingerprint import class_hash

        found = ((name, class_hash(name)) for name in classes)
        return hashing.hash_classes((name, code) for name, code in found if code is not None)

    def _take_pending(self, job: Job) -> None:
        """Put the results that a job waited for in their places, with where they came from."""
        origins = job.origins
        if origins is None:
            origins = [None] * len(job.arguments)
        upstreams = [b"" if o is None else b"@%d" % o for o in origins]
        for i, key, node in job.pending or ():
            if key is None:
                job.arguments[i] = node.result
            else:
                job.arguments[i][key] = node.result
            if node.origin is not None:
                if key is None:
                    origins[i] = node.origin
                else:
                    before = origins[i] or []
                    before = before if type(before) is list else [before]
                    after = node.origin if type(node.origin) is list else [node.origin]
                    origins[i] = before + after
                upstreams[i] += node.upstream
        job.pending = None
        if any(upstreams):
            job.origins = origins
            job.upstream_digest = hashing.digest(b"upstream", *upstreams)[:8]

    def _look_up(self) -> None:
        """Ask the recorder for the answers to all jobs that wait for one."""
        asked, self._asked = self._asked, []
        found = self.recorder.find_calls([job.eval_hash for job in asked])
        if not found:
            for job in asked:
                self._miss(job)
            return
        live, store = self.recorder.are_tasks_live, self.store
        for job in asked:
            candidates = found.get(job.eval_hash)
            if candidates is None:
                self._miss(job)
                continue
            context = EMPTY if job.inherited is None else job.inherited.context
            answer = choose_hit(candidates, job.options, live, store, self.classes, context)
            if isinstance(answer, Hit):
                self._take_hit(job, answer)
            else:
                job.reason = answer.reason
                self._miss(job)

    def _take_hit(self, job: Job, hit: Hit) -> None:
        cached = hit.call
        value: Any = None
        if not hit.is_final:
            assert cached.single is not None
            try:
                value = self.decode_expression(cached.single)
            except UndecodableError as error:
                self._reporter.warning(f"{job.task.fullname}: recorded result not usable: {error}")
                self._miss(job)
                return
            job.single = cached.single
        job.kind = hit.kind
        job.cached = cached
        job.start_time = time.time_ns() // 1000
        counts = self.counts[job.task.fullname]
        if self._reporter.wants_line(CACHED, job.task.fullname):
            self._reporter.job_line(self._line(CACHED, job))
        if hit.is_final:
            if cached.task_set is not None:
                job.task_ids = set(self.recorder.get_task_set(cached.task_set))
            job.value_origin = cached.result_origin
            if cached.context is not None:
                self._note_context_read(job)
            assert cached.result is not None
            self._finish(job, cached.result)
            return
        counts.pending -= 1
        counts.running += 1
        self._enter(job, REDUCING)
        self._reduce(job, value)

    def decode_expression(self, ref: ValueRef) -> Any:
        """Return a recorded expression with live tasks.

        Raises
        ------
        UndecodableError
            When its bytes are gone, or a task in it is not defined any more.
        """
        data = self.store.read(hashing.value_hash(ref.token)) if ref.flags & FLAG_FILE else ref.data
        if data is None:
            raise UndecodableError("the recorded expression has no bytes")
        try:
            body, stored = unpack_expression(data)
            tasks = []
            for named in stored:
                task = resolve_task(named)
                if task is None:
                    raise UndecodableError(f"task {named.fullname!r} is not defined any more")
                tasks.append(task)
            return decode_expression(body, tasks, self.store, is_recorded=True)
        except UndecodableError:
            raise
        except Exception as error:  # bytes from disk, and classes of the user's
            raise UndecodableError(str(error)) from error

    def _miss(self, job: Job) -> None:
        """Send a job on its way to a worker."""
        if self._dry_run:
            job.phase = QUEUED
            self.n_would_run += 1
            if self._reporter.wants_line(RUN, job.task.fullname):
                job.reason = self.recorder.find_reason(job)
                self._reporter.job_line(self._line(RUN, job))
            return
        needs = job.options.get("limits")
        if needs:
            try:
                self._limits.check_possible(needs, job.task.fullname)
            except RedunliteError as error:
                self.fail(job, self.make_failure(error, job))
                return
            if not self._limits.try_take(needs):
                job.phase = QUEUED
                self._limited.append(job)
                return
        self._queue(job)

    def _queue(self, job: Job) -> None:
        if job.task.is_async:
            self._begin_coroutine(job, None)
            return
        name = job.options.get("executor") or self._default_executor
        queue = self._queue_of.get(name)
        if queue is None:
            queue = self._open_queue(name, job)
            if queue is None:
                return
        job.phase = QUEUED
        queue.add(job)

    def _begin_coroutine(self, job: Job, replayed: dict[bytes, list[Any]] | None) -> None:
        """Run an async job's coroutine, in this process."""
        if self._coroutines is None:
            from redunlite.coroutines import Coroutines

            self._coroutines = Coroutines(self)
        try:
            payload = self._encode_arguments(job)
            if replayed is None:
                counts = self.counts[job.task.fullname]
                counts.pending -= 1
                counts.running += 1
                job.start_time = time.time_ns() // 1000
                self._enter(job, REDUCING)
            if self._reporter.wants_line(RUN, job.task.fullname):
                job.reason = self.recorder.find_reason(job)
                self._reporter.job_line(self._line(RUN, job, "async"))
            self._coroutines.begin(job, payload, replayed)
        except Exception as error:  # decoding reaches the user's own classes
            self.fail(job, self.make_failure(error, job))

    def _run_again(self, node: FormNode, asked: RunAgain) -> None:
        """Begin the coroutine of a job whose recorded awaits have come to something else."""
        job = node.parent
        assert job is not None
        job.pending, job.n_missing = None, 0
        job.single = job.cached = None
        job.kind = KIND_RUN
        if self._dry_run:
            counts = self.counts[job.task.fullname]
            counts.running -= 1
            counts.pending += 1
            self._open.pop(job.serial, None)
            self._miss(job)
        else:
            self._begin_coroutine(job, index_replayed(asked.started, self.store))
        raise Abandoned

    def give_back_limits(self, job: Job) -> None:
        """Let others have the limits that a job holds."""
        needs = job.options.get("limits")
        if needs:
            self._release(needs)

    def take_coroutine_result(self, job: Job, result: Any, single: ValueRef | None) -> None:
        """Reduce what a coroutine returned, as part of its job."""
        job.single = single
        if not self.is_stopping:
            self._reduce(job, result)

    def _open_queue(self, name: str, job: Job) -> _Queue | None:
        executor = self._executors.get(name)
        if executor is None:
            error = UnknownNameError(
                "executor", name, self._executors, f"of task {job.task.fullname!r}",
                "executors are set in [executors.NAME] of the configuration",
            )  # fmt: skip
            self.fail(job, self.make_failure(error, job))
            return None
        queue = self._queues.get(executor.name)
        if queue is None:
            executor.start(self)
            self._started[executor.name] = executor
            queue = self._queues[executor.name] = _Queue()
        self._queue_of[name] = queue
        return queue

    def _pump(self) -> None:
        """Hand calls to executors that have room."""
        if self.is_stopping:
            return
        for name, queue in self._queues.items():
            executor = self._started[name]
            while not self.is_stopping:
                line = queue.after_results or queue.others
                if not line or not executor.has_room(line[0].task.number):
                    break
                self._send(line.popleft(), executor)

    def _send(self, job: Job, executor: Executor) -> None:
        try:
            payload = self._encode_arguments(job)
        except Exception as error:  # encoding reaches the user's own classes
            self.fail(job, self.make_failure(error, job))
            return
        counts = self.counts[job.task.fullname]
        counts.pending -= 1
        counts.running += 1
        if self._reporter.wants_line(RUN, job.task.fullname):
            job.reason = self.recorder.find_reason(job)
            self._reporter.job_line(self._line(RUN, job, executor.name))
        job.start_time = time.time_ns() // 1000
        self._enter(job, SENT)
        self._sent[job.serial] = job
        executor.submit(Call(job.serial, job.task.number, payload))

    def _encode_arguments(self, job: Job) -> bytes:
        arguments = job.arguments
        if self._info_places and job.task.number in self._info_places:
            arguments = self._fill_in_info(job)
        args, kwargs = job.task.parameters.split(arguments)
        return serialize.encode_arguments(args, kwargs, self.store)

    def _fill_in_info(self, job: Job) -> list[Any]:
        """Return a job's arguments with those filled in that tell about the job."""
        if not job.salt:
            job.salt = self.recorder.make_salt()
        info = JobInfo(
            self.uuid, make_job_uuid(job.salt, self.uuid), job.eval_hash.hex(),
            self._hash_arguments(job, set()).hex(), job.options,
        )  # fmt: skip
        filled = list(job.arguments)
        for i in self._info_places[job.task.number]:
            filled[i] = info
        return filled

    def _enter(self, job: Job, phase: int) -> None:
        """Make a job an open one: at a worker, or being reduced."""
        job.phase = phase
        self._open[job.serial] = job
        if not _is_unrecorded(job):
            self._unwritten.append(job)

    # What executors say (`executors.base.ExecutorHost`).

    def get_task(self, task_number: int) -> Task[..., object]:
        """Return the task with that number."""
        return self._tasks[task_number]

    def deliver(self, outcome: Outcome) -> None:
        """Take the outcome of a call."""
        job = self._sent.pop(outcome.number, None)
        if job is None:
            return
        needs = job.options.get("limits")
        if needs:
            self._release(needs)
        job.usage = outcome.usage
        job.start_time = outcome.usage.start_time or job.start_time
        job.output = outcome.output
        if outcome.output is not None and self._reporter.live_output:
            self._show_output(job, outcome)
        status = outcome.status
        value = outcome.value
        if status == wire.OK:
            assert value is not None
            self._finish(job, value)
        elif status == wire.EXPRESSION:
            self._take_expression(job, outcome)
        elif status == wire.CANCELLED:
            self._cancel(job)
        else:
            tail = ""
            if status == wire.DIED and outcome.output is not None:
                lines = (outcome.output.tail or outcome.output.head).decode("utf-8", "replace")
                tail = "\n".join(lines.splitlines()[-10:])
            failure = Failure(value, outcome.detail, job, None, tail)
            self.fail(job, failure)

    def _take_expression(self, job: Job, outcome: Outcome) -> None:
        value = outcome.value
        assert value is not None
        tasks, stored = [], []
        data: Any = value.data
        if value.flags & FLAG_FILE:
            data = self.store.read(hashing.value_hash(value.token))
        try:
            for named in outcome.detail:
                task = resolve_task(named)
                if task is None:
                    raise SchedulerError(f"task {named.fullname!r} is not defined in this process")
                tasks.append(task)
                stored.append(named._replace(hash=task.hash))
            expression = decode_expression(data, tasks, self.store)
        except Exception as error:  # decoding reaches the user's own classes
            self.fail(job, self.make_failure(error, job))
            return
        packed = pack_expression(data, stored)
        job.single = ValueRef(
            value.token, FORMAT_EXPRESSION, packed, len(packed), value.preview,
            value.type_name, value.flags & ~FLAG_FILE, value.classes,
        )  # fmt: skip
        job.phase = REDUCING
        if job.is_written:
            self._unwritten.append(job)
        if not self.is_stopping:
            self._reduce(job, expression)

    def _show_output(self, job: Job, outcome: Outcome) -> None:
        output = outcome.output
        assert output is not None
        text = (output.head + output.tail).decode("utf-8", "replace")
        self._reporter.job_output(self._job_id(job), job.task.fullname, text)

    def _release(self, needs: Mapping[str, float]) -> None:
        self._limits.give_back(needs)
        for _ in range(len(self._limited)):
            job = self._limited.popleft()
            if not self.is_stopping and self._limits.try_take(job.options["limits"]):
                self._queue(job)
            else:
                self._limited.append(job)

    # Jobs: from a result to the end.

    def _reduce(self, job: Job, value: Any) -> None:
        """Evaluate what a job's function returned, as part of this job."""
        try:
            found = self.evaluate(value, job)
        except (TypeError, RedunliteError) as error:
            self.fail(job, self.make_failure(error, job))
            return
        if isinstance(found, Node):
            job.pending = [(0, None, found)]
            if not self.wait_for(job, found):
                self._todo.append(job)
        else:
            self._finish(job, self.as_ref(found))

    def _finish_reduced(self, job: Job) -> None:
        assert job.pending is not None
        node = job.pending[0][2]
        job.pending = None
        job.value_origin = node.origin
        assert node.result is not None
        self._finish(job, node.result)

    def _finish(self, job: Job, result: ValueRef) -> None:
        """End a job with its final value."""
        counts = self.counts[job.task.fullname]
        if job.phase == SENT or job.phase == REDUCING:
            counts.running -= 1
        else:
            counts.pending -= 1
        if job.kind:
            counts.cached += 1
        else:
            counts.done += 1
        job.result = result
        self._close(job, b"")

    def _close(self, job: Job, error_hash: bytes) -> None:
        """Settle a job's call node, record it, and tell who waits."""
        result, cached = job.result, job.cached
        child_hashes = job.child_hashes
        is_copy = cached is not None and job.single is None and not error_hash
        if cached is not None and (is_copy or job.kind == KIND_CSE):
            job.call_hash = cached.call_hash
        else:
            value_hash = error_hash or hashing.value_hash(result.token)  # type: ignore[union-attr]
            below = b""
            if child_hashes is not None:
                below = b"".join([h for h in child_hashes if h is not None])
            job.call_hash = hashing.call_hash(job.eval_hash, value_hash, below)
        if (
            cached is not None
            and job.call_hash == cached.call_hash
            and job.upstream_digest == cached.upstream
        ):
            job.call_id = cached.id
            job.call_written = True
        elif not job.call_id and not _is_unrecorded(job):
            job.call_id = self.recorder.next_call_id()
        phase, job.phase = job.phase, ENDED
        if phase in (SENT, REDUCING):
            del self._open[job.serial]
        job.child_hashes = None
        job.ranks = None
        if job.containers is not None:
            self._forget_containers(job)
        parent = job.parent
        is_unrecorded, reads_context = _is_unrecorded(job), _reads_context(job)
        if parent is not None and parent.child_hashes is not None:
            if not is_unrecorded:
                parent.child_hashes[job.index] = job.call_hash
            self._add_tasks(parent, job)
            if reads_context:
                self._note_context_read(parent)
        if not is_unrecorded:
            self.recorder.record_job(job)
        key = _seen_key(job)
        if self._seen.get(key) is job:
            is_plain = job.failure is None and job.task_ids is None and not job.upstream_digest
            if is_plain and not reads_context:
                self._seen[key] = (job.call_id, job.call_hash, job.result)
            else:
                self._seen[key] = (
                    job.call_id, job.call_hash, job.result, job.task_ids, job.failure,
                    job.upstream_digest, reads_context,
                )  # fmt: skip
        if job.failure is None:  # the job traceback shows the arguments of failed ones
            job.arguments = _NO_ARGUMENTS
        job.origins = None
        job.single = job.cached = job.usage = job.output = None
        job.start_time = 0
        job.eval_hash = b"" if job.failure is None else job.eval_hash
        job.origin = job.call_id or None
        job.upstream = job.call_hash
        expression, job.expression = job.expression, None
        if job.failure is not None:
            self._fail_waiters(job, job.failure)
        else:
            if expression is not None and job.task_ids is None:
                _leave_result(expression, self, job)
            self.resolve(job)
        if self.recorder.is_due():
            self._flush()

    def _forget_containers(self, job: Job) -> None:
        """Let go of the graph of a job that ended."""
        for key in job.containers or ():
            node = self._containers.pop(key, None)
            if node is not None:
                node.value = None
        job.containers = None

    def _add_tasks(self, parent: Job, job: Job) -> None:
        """Add the tasks below a job to those below its parent."""
        below = parent.task_ids
        if below is None:
            below = parent.task_ids = {self.task_id(parent.task)}
        if job.task_ids is None:
            below.add(self.task_id(job.task))
        else:
            below |= job.task_ids

    def task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of the present version of a task."""
        found = self._task_ids.get(task.number)
        if found is None:
            found = self._task_ids[task.number] = self.recorder.get_task_id(task)
        return found

    def resolve(self, node: Node) -> None:
        """Settle a node that has its result, and tell those who wait for it."""
        node.state = DONE
        waiters = node.waiters
        if waiters is not None:
            node.waiters = None
            todo = self._todo
            for waiter in waiters:
                waiter.n_missing -= 1
                if waiter.n_missing == 0:
                    todo.append(waiter)

    def _follow(self, job: Job, earlier: Any) -> None:
        """Answer a job from another job of this run with the same call."""
        job.kind = KIND_CSE
        if type(earlier) is Job:
            job.phase = FOLLOWING
            self._following[job.serial] = job
            job.pending = [(0, None, earlier)]
            self.wait_for(job, earlier)
        else:
            self._copy_call(job, *earlier)

    def _finish_following(self, job: Job) -> None:
        assert job.pending is not None
        leader = job.pending[0][2]
        job.pending = None
        self._following.pop(job.serial, None)
        assert isinstance(leader, Job)
        self._copy_call(
            job, leader.call_id, leader.call_hash, leader.result, leader.task_ids, leader.failure,
            leader.upstream_digest, _reads_context(leader),
        )  # fmt: skip

    def _copy_call(
        self,
        job: Job,
        call_id: int,
        call_hash: bytes,
        result: ValueRef | None,
        task_ids: set[int] | None = None,
        failure: Failure | None = None,
        upstream: bytes = b"",
        reads_context: bool = False,
    ) -> None:
        """End a job with the call of another job of this run."""
        if reads_context:
            self._note_context_read(job)
        job.task_ids = task_ids
        job.start_time = time.time_ns() // 1000
        job.cached = CachedCall(
            call_id, failure is None, result, None, call_hash, None, upstream, None
        )
        if failure is not None:
            self.fail(job, failure)
            return
        if self._reporter.wants_line(CACHED, job.task.fullname):
            self._reporter.job_line(self._line(CACHED, job))
        job.value_origin = None
        assert result is not None
        self._finish(job, result)

    # Failure.

    def make_failure(self, error: BaseException, job: Job | None) -> Failure:
        """Return the failure for an exception raised in this process."""
        detail = tracebacks.describe_exception(error)
        ref = serialize.encode(ErrorValue(error, detail), self.store)
        return Failure(ref, detail, job, error)

    def fail(self, node: Node, failure: Failure) -> None:
        """Let a node fail, and after it all that needs it."""
        if node.state != WAITING:
            return
        node.failure = failure
        if type(node) is not Job:
            node.state = FAILED
            if type(node) is FormNode and failure.job is not None and failure.job.phase == ENDED:
                self._untaken[failure] = None  # it was taken, and is given on
            self._fail_waiters(node, failure)
            return
        counts = self.counts[node.task.fullname]
        phase = node.phase
        if failure.job is None:
            failure.job = node
        if phase <= EXPANDED and failure.job is not node:
            # Its arguments never became ready: it stays pending and has no row.
            node.state = FAILED
            self._fail_waiters(node, failure)
            return
        self._untaken[failure] = None
        if phase in (SENT, REDUCING):
            counts.running -= 1
        else:
            counts.pending -= 1
        counts.failed += 1
        self._following.pop(node.serial, None)
        node.pending = None
        node.result = failure.error
        if not node.eval_hash:
            node.eval_hash = hashing.digest(b"unbound", self.uuid.encode(), b"%d" % node.serial)
        if not node.start_time:
            node.start_time = time.time_ns() // 1000
        if self._reporter.wants_line(REJECT, node.task.fullname):
            self._reporter.job_line(self._line(REJECT, node))
        error_hash = hashing.value_hash(failure.error.token) if failure.error else b"\0" * 20
        node.state = FAILED
        self._close(node, error_hash)

    def _fail_waiters(self, node: Node, failure: Failure) -> None:
        node.state = FAILED
        waiters, node.waiters = node.waiters, None
        for waiter in waiters or ():
            self._failed.append((waiter, failure))
        if node is self._root and self._first_failure is None:
            self._first_failure = failure
            if self._policy != KEEP_GOING:
                self._stop_launching(failure)
            elif self._sent:
                self._reporter.first_failure(self.describe_failure(failure), None)

    def _pass_on_failure(self, node: Node, failure: Failure) -> None:
        if node.state != WAITING:
            return
        if type(node) is FormNode and not node.is_tail and node.generator is not None:
            self._untaken.pop(failure, None)
            if self.is_stopping:
                node.asked = None
                node.n_missing = 0
                return
            error = self._error_of(failure)
            value = Evaluated(self._error_node(failure, error), self.decode)
            self._forms.throw(node, EvaluationError(failure, error, value))
            return
        if type(node) is WatchNode:
            if not self.is_stopping:
                node.state = FAILED
                node.on_failure(failure, self._error_of(failure))
            return
        self.fail(node, failure)

    def _error_of(self, failure: Failure) -> BaseException:
        if failure.live is None:
            held = self.decode(failure.error)
            failure.live = held.error if isinstance(held, ErrorValue) else Exception(repr(held))
        return failure.live

    def _error_node(self, failure: Failure, error: BaseException) -> Node:
        """Return the exception as a value that came from the failed call."""
        node = Node(None)
        node.state = DONE
        try:
            node.result = serialize.encode_exception_value(error, self.store)
        except RedunliteError:  # what it holds has no hash: its text has
            plain = RemoteError(serialize.type_name(type(error)), str(error))
            node.result = serialize.encode_exception_value(plain, self.store)
        if failure.job is not None and failure.job.call_id:
            node.origin = failure.job.call_id
            node.upstream = failure.job.call_hash
        return node

    def _stop_launching(self, failure: Failure | None) -> None:
        """Start nothing new; what runs may finish, or is ended, as the policy says."""
        if self.is_stopping:
            return
        self.is_stopping = True
        for name, executor in self._started.items():
            for number in executor.take_back():
                job = self._sent.pop(number, None)
                if job is not None:
                    counts = self.counts[job.task.fullname]
                    counts.running -= 1
                    counts.pending += 1
                    job.phase = QUEUED
                    self._open.pop(job.serial, None)
                    self._queues[name].add(job)
        if self._sent and failure is not None:
            if self._policy == FAIL_FAST:
                for executor in self._started.values():
                    executor.cancel(GRACE_S)
            else:
                self._reporter.first_failure(self.describe_failure(failure), len(self._sent))

    def _report_deadlock(self, root: Node) -> None:
        """Fail the root when nothing runs and nothing can: an expression that needs itself."""
        error = SchedulerError(
            "the workflow waits for itself: an expression needs its own result, "
            "or a limit is never given back"
        )
        job = root if isinstance(root, Job) else None
        self.fail(root, self.make_failure(error, job))

    # Stopping and ending.

    def _on_signal(self) -> None:
        """React to signals that came since the last look; the handler only counted them."""
        if not self.is_stopping:
            n_running = len(self._find_running())
            self._reporter.warning(
                f"stopping, {n_running:,} running (again to kill at once)"
                if n_running else "stopping"
            )  # fmt: skip
            self._stop_launching(None)
            for executor in self._started.values():
                executor.cancel(GRACE_S)
        elif self.n_signals > 1:
            for executor in self._started.values():
                executor.cancel(0.0)
        self.n_signals = 0

    def _cancel(self, job: Job) -> None:
        counts = self.counts[job.task.fullname]
        if job.phase == SENT or job.phase == REDUCING:
            counts.running -= 1
        else:
            counts.pending -= 1
        counts.cancelled += 1
        self._open.pop(job.serial, None)
        job.phase = ENDED
        job.state = FAILED
        if not job.start_time:
            job.start_time = time.time_ns() // 1000
        if not _is_unrecorded(job):
            self.recorder.record_job(job)

    def _end(self, root: Node) -> RunResult:
        """Give every job its final state and close the execution."""
        left = [*self._open.values(), *self._following.values(), *self._limited, *self._asked]
        for queue in self._queues.values():
            left += [*queue.after_results, *queue.others]
        for job in left:
            if job.phase != ENDED and not self._dry_run:
                self._cancel(job)
        if self._dry_run:
            self._count_dry()
        self._warn_of_threads()
        failure = root.failure
        if self.signal_number:
            status = "CANCELLED"
        elif failure is not None:
            status = "FAILED"
        elif root.state == DONE:
            status = "DONE"
        else:
            status = "DRY"
        self.recorder.finish(status, failure.detail.summary if failure else "", self.counts)
        return RunResult(
            status, root.result if status == "DONE" else None, failure, self.uuid, self.counts,
            self.signal_number,
        )  # fmt: skip

    def _count_dry(self) -> None:
        """Count a dry run's jobs by what is known: nothing runs, and what was answered is cached."""
        for job in self._open.values():
            counts = self._count(job)
            counts.running -= 1
            if job.kind:
                counts.cached += 1
            else:
                counts.pending += 1

    def _on_flush_timer(self) -> None:
        self._flush()
        self.waits.call_after(FLUSH_INTERVAL_S, self._on_flush_timer)

    def _flush(self) -> None:
        unwritten = self._unwritten
        if unwritten:
            self._unwritten = []
            for job in unwritten:
                if job.phase != ENDED:
                    self.recorder.record_open_job(job)
        self.recorder.flush()

    def _on_progress_timer(self) -> None:
        running = self._find_running()
        names = [job.task.fullname for job in running[:MAX_NAMES]]
        counts = self._count_at_workers(running)
        self._reporter.progress(counts, names, self._estimate_left(counts, running))
        self.waits.call_after(PROGRESS_INTERVAL_S, self._on_progress_timer)

    # What is shown.

    def tell(self, message: str) -> None:
        """Show a line of the user's own."""
        self._reporter.warning(message)

    def _find_running(self) -> list[Job]:
        """Return the jobs that are at a worker now."""
        return [
            self._sent[number]
            for executor in self._started.values()
            for number in executor.find_running()
            if number in self._sent
        ]

    def _count_at_workers(self, running: Sequence[Job]) -> dict[str, TaskCounts]:
        """Return the counts with calls that wait at an executor as pending.

        They are counted as running when they are sent, because nobody tells when one is begun.
        """
        if len(running) == len(self._sent):
            return self.counts
        counts = dict(self.counts)
        changed: dict[str, TaskCounts] = {}
        at_workers = {job.serial for job in running}
        for serial, job in self._sent.items():
            if serial not in at_workers:
                name = job.task.fullname
                count = changed.get(name)
                if count is None:
                    count = counts[name] = changed[name] = replace(counts[name])
                count.running -= 1
                count.pending += 1
        return counts

    def _estimate_left(
        self, counts: Mapping[str, TaskCounts], running: Sequence[Job]
    ) -> float | None:
        """Return the seconds that all known jobs may still take; None when a task has no duration."""
        find_mean_us = self.recorder.find_mean_us
        now = time.time_ns() // 1000
        left_us = 0.0
        for name, count in counts.items():
            if count.pending:
                mean = find_mean_us(name)
                if mean is None:
                    return None
                left_us += count.pending * mean
        for job in running:
            mean = find_mean_us(job.task.fullname)
            if mean is None:
                return None
            left_us += max(0.0, mean - (now - job.start_time))
        n_workers = sum(executor.n_workers for executor in self._started.values())
        return left_us / max(1, n_workers) / 1e6

    def _count(self, job: Job) -> TaskCounts:
        return self.counts[job.task.fullname]

    def _job_id(self, job: Job) -> str:
        if self.recorder.is_read_only:
            return ""
        if not job.salt:
            job.salt = self.recorder.make_salt()
        return job.salt[:4].hex()

    def _line(self, event: str, job: Job, executor: str = "") -> JobLine:
        return JobLine(
            event, self._job_id(job), job.task.fullname, describe_arguments(job), executor,
            job.eval_hash.hex(), job.reason,
        )  # fmt: skip

    def describe_failure(self, failure: Failure) -> Any:
        """Return the job traceback of a failure, for a reporter."""
        from redunlite.reporter import Failure as ShownFailure
        from redunlite.reporter import TraceStep

        chain: list[Job] = []
        job = failure.job
        while job is not None:
            chain.append(job)
            job = job.parent
        chain.reverse()
        steps = []
        for job in chain:
            info = job.task.fingerprint
            line = (info.source or "").strip().splitlines()
            text = next((x for x in line if x.lstrip().startswith(("def ", "async def "))), "")
            steps.append(
                TraceStep(
                    self._job_id(job), job.task.fullname, info.file or "", info.line or 0,
                    text.strip(), describe_arguments(job),
                )
            )  # fmt: skip
        return ShownFailure(steps, failure.detail, failure.output_tail)

    def describe_other_failures(self, shown: Failure) -> tuple[list[FailedJob], int]:
        """Return the first failures that no form took beside `shown`, and how many there are."""
        others = [failure for failure in self._untaken if failure is not shown]
        jobs = [(f.job, f.detail.summary) for f in others[:MAX_FAILURES] if f.job is not None]
        return [
            FailedJob(self._job_id(job), job.task.fullname, describe_arguments(job), summary)
            for job, summary in jobs
        ], len(others)


def _seen_key(job: Job) -> bytes:
    """Return what two calls share that may have one answer within a run."""
    inherited = job.inherited
    return job.eval_hash if inherited is None else job.eval_hash + inherited.context_key


def _is_unrecorded(job: Job) -> bool:
    """Tell whether a job is below one with ``prov=False``, or is one."""
    return job.inherited is not None and job.inherited.options.get("prov") is False


def _reads_context(job: Job) -> bool:
    """Tell whether what a job comes to may depend on the context."""
    return job.inherited is not None and job.inherited.is_read


def _hand_down(inherited: Inherited) -> Inherited | None:
    """Return what a child inherits of a job that has looked at the context."""
    if not (inherited.context or inherited.options):
        return None
    return inherited._replace(is_read=False)


def describe_arguments(job: Job) -> list[tuple[str, str]]:
    """Return name and preview of each argument of a job that still has them."""
    parameters = job.task.parameters
    shown = []
    for name, kind, value in zip(parameters.names, parameters.kinds, job.arguments):
        if kind == VAR_POSITIONAL:
            shown.append(("*" + name, "(" + ", ".join(show_value(v) for v in value) + ")"))
        elif kind == VAR_KEYWORD:
            pairs = ", ".join(f"{k!r}: {show_value(v)}" for k, v in value.items())
            shown.append(("**" + name, "{" + pairs + "}"))
        else:
            shown.append((name, show_value(value)))
    return shown


def show_value(value: Any) -> str:
    """Return the preview of a scalar, a `ValueRef`, or what is not known yet."""
    if type(value) is ValueRef:
        return (
            value.preview if value.preview is not None else hashing.preview_token(value.token, 200)
        )
    if isinstance(value, Lazy):
        return repr(value)
    return format_preview(value)


def _root_task(value: Any) -> Any:
    """Stand at the root of an execution whose expression is not a call of one task."""
    return value


_NO_ARGUMENTS: list[Any] = []
EMPTY: Mapping[str, Any] = {}
NOTHING_INHERITED = Inherited(EMPTY, EMPTY)
ROOT_TASK: Task[..., Any] = Task(
    _root_task, {"name": "root_task", "namespace": "redunlite", "version": "1"}
)
