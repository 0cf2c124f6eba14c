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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from redunlite import call as wire
from redunlite import hashing, nested, serialize
from redunlite.binding import Binder, place_origins, take_pending
from redunlite.cache_policy import (
    NO_LONGER_VALID,
    Hit,
    LiveClasses,
    Recorder,
    choose_hit,
    effective_scope,
)
from redunlite.call import Call, Outcome, Output
from redunlite.description import describe_failure, describe_job, list_failures
from redunlite.errors import (
    HiddenExpressionError,
    InvalidValueError,
    RedunliteError,
    SchedulerError,
    UndecodableError,
    UnhashableValueError,
    UnknownExecutorError,
)
from redunlite.expression import (
    SCALARS,
    Expression,
    SchedulerExpression,
    SimpleExpression,
    TaskExpression,
    ValueExpression,
    dump_graph,
    iter_calls,
    load_graph,
    remember_node,
)
from redunlite.failures import load_error, make_error_node, make_failure
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
from redunlite.informing import Informer
from redunlite.inheritance import (
    EMPTY,
    context_of,
    hand_down,
    is_unrecorded,
    note_context_read,
    reads_context,
    settle_options,
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
    join_origins,
)
from redunlite.job_queue import JobQueue
from redunlite.kinds import Lazy, ValueRef
from redunlite.limits import Limits
from redunlite.operators import Operators, check_length
from redunlite.options import CONTEXT_OPTION, CacheScope, check_options
from redunlite.progress import count_at_workers, estimate_left, find_running
from redunlite.recorded import load_recorded, take_returned
from redunlite.recovery import Recoveries
from redunlite.replay import index_replayed
from redunlite.reporter import (
    CACHED,
    REJECT,
    RUN,
    FailedJob,
    TaskCounts,
)
from redunlite.reporter import Failure as ShownFailure
from redunlite.signature import VAR_KEYWORD, VAR_POSITIONAL
from redunlite.task import PromiseTask, Task
from redunlite.threads import Threads
from redunlite.valuestore import ValueStore
from redunlite.waits import Waits

if TYPE_CHECKING:
    from redunlite.config import Config
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
MAX_FAILURES = 20
"""Failures that are named at the end, beside the one whose traceback is shown."""
MAX_NAMES = 20
"""Running jobs whose tasks the footer is told."""
GRACE_S = 1.0
"""How long running jobs may take to end when they are told to."""


def _leave_result(expression: Expression, engine: Engine, job: Job) -> Node:
    """Let a plain node with a job's result stand for its expression: a quarter of a job's size."""
    node = Node(None)
    node.state = DONE
    node.result, node.origin, node.upstream = job.result, job.origin, job.upstream
    remember_node(expression, engine, node)
    return node


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
        reporter: Informer,
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
        self._inform = reporter.inform
        self._limits = limits
        self.use_cache = use_cache
        self._dry_run = dry_run
        self._policy = failure_policy
        self._todo: deque[Node] = deque()
        self._failed: deque[tuple[Node, Failure]] = deque()
        self._asked: list[Job] = []
        self._queues: dict[str, JobQueue] = {}
        self._queue_of: dict[str, JobQueue] = {}
        """By the name that tasks use, which may be an alias."""
        self._limited: deque[Job] = deque()
        self._following: dict[int, Job] = {}
        self._sent: dict[int, Job] = {}
        self._open: dict[int, Job] = {}
        self._unwritten: list[Job] = []
        self._seen: dict[bytes, Any] = {}
        """`_seen_key` to the `Job` in flight, or to what a finished one left for `_copy_call`: the
        node that stands for it, where that tells all."""
        self._task_ids: dict[int, int] = {}
        self._below: dict[int, set[int]] = {}
        """Task number to the row ids of the tasks below its calls."""
        self._binder = Binder(store, reporter.warning, recorder.make_salt)
        self._live: dict[int, tuple[Any, ValueRef]] = {}
        self._containers: dict[int, ContainerNode] = {}
        self._operators = Operators(store)
        self._scopes: dict[int, tuple[Expression, Job]] = {}
        """`id` of an expression to the job whose context holds for it, where not the parent's."""
        self._alike: dict[int, Sequence[CachedCall]] = {}
        """By serial of an unfinished job, the recorded calls like it, where there are several."""
        self._threads = Threads(self)
        self._coroutines: Coroutines | None = None
        self._replayed: dict[int, dict[bytes, list[Any]]] = {}
        """Serial of a job whose coroutine is to begin after all, to what its replay has evaluated."""
        self._inherited = Inherited(dict(context), EMPTY) if context else None
        """What the root job inherits: the context that the run began with."""
        recoveries = Recoveries(self)
        self._forms = Forms(
            self,
            {
                Recall: recoveries.recall,
                Remember: recoveries.remember,
                Start: self._threads.start,
                Fork: self._threads.fork,
                Join: self._threads.join,
                ContextOf: self._read_context,
                RunAgain: self._run_again,
                ApplyTags: self._apply_tags,
            },
        )
        self.uuid = ""
        self.on_begin: Callable[[str], None] = lambda uuid: None
        self.config: Config | None = None
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
                    if self._dry_run or self.is_stopping:
                        return
                    if not self._are_coroutines_going():
                        if root.state != WAITING:
                            return
                        if self._coroutines is None or not self._coroutines.has_timers():
                            self._report_deadlock(root)
                            continue
                waits.wait(None)
            else:
                waits.wait(0)

    def _is_over(self, root: Node) -> bool:
        if self._failed:
            return False
        if root.state == DONE:
            return not self._sent and not self._todo and self._threads.are_over()
        if self._policy == KEEP_GOING and not self.is_stopping:
            return not (
                self._sent or self._todo or self._asked or any(map(len, self._queues.values()))
                or self._are_coroutines_going()
            )  # fmt: skip
        return not self._sent

    def _are_coroutines_going(self) -> bool:
        return self._coroutines is not None and self._coroutines.is_going()

    def may_interrupt(self, module: str) -> bool:
        """Tell whether an exception may be raised now in the code of a module: in a coroutine's own.

        Only there it cannot leave anything of ours half done.
        """
        coroutines = self._coroutines
        ours = module.partition(".")[0] in ("redunlite", "asyncio", "selectors")
        return coroutines is not None and coroutines.is_turning and not ours

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
                node = todo.popleft()
                try:
                    self._advance(node)
                except BaseException as error:  # getting ready runs the user's own code
                    self._take_stray(node, error)
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

    def _take_stray(self, node: Node, error: BaseException) -> None:
        """Let the node fail whose next step raised, and raise on what is none of it."""
        if node.state != WAITING or isinstance(error, KeyboardInterrupt):
            raise error
        self.fail_with(node, error)

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
            job.inherited = hand_down(inherited)
        if (task.has_rules or inherited is not None) and not task.has_lazy_options:
            settle_options(job, task.base_options, task.call_options)
        if parent is not None:
            hashes = parent.child_hashes
            if hashes is None:
                hashes = parent.child_hashes = []
            index = len(hashes)
            hashes.append(None)
            ranks = parent.ranks
            if ranks is None:
                ranks = parent.ranks = {}
            job.rank = rank = ranks.get(task.number, 0)
            ranks[task.number] = after = rank + 1
            # Of a number that is there already no second object: 32 bytes a call of a fan-out.
            job.index = after if index == after else rank if index == rank else index
        counts = self.counts.get(task.fullname)
        if counts is None:
            counts = self.counts[task.fullname] = TaskCounts()
        counts.pending += 1
        return job

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
        else:
            node.add_waiter(waiter)
        return True

    # Containers, operators and special forms.

    def _advance_container(self, node: ContainerNode) -> None:
        evaluate, parent = self.evaluate, node.parent
        split = node.split
        if split is None:
            try:
                split = node.split = nested.Split(node.value, nested.LazyContainers())
            except UnhashableValueError as error:
                self.fail_with(node, error)
                return
            for leaf in split.leaves:
                child = evaluate(leaf, parent) if type(leaf) not in SCALARS else leaf
                if isinstance(child, Node):
                    self.wait_for(node, child)
            if node.n_missing:
                return
        parts: list[Any] = []
        sources: list[tuple[Any, bytes]] = []
        for leaf in split.leaves:
            # Asked for again and not kept: a job that ended has left a smaller node behind.
            child = evaluate(leaf, parent) if type(leaf) not in SCALARS else leaf
            if isinstance(child, Node):
                parts.append(child.result)
                if child.origin is not None:
                    sources.append((child.origin, child.upstream))
            else:
                parts.append(child)
        try:
            node.result = serialize.compose(split.join(parts), self.store)
        except Exception as error:  # sets and keys call the user's own `__hash__` and `__eq__`
            self.fail_with(node, error)
            return
        node.split = None
        node.origin, node.upstream = join_origins(sources)
        self.resolve(node)

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`, freshly decoded."""
        if type(value) is ValueRef:
            return serialize.decode(value, self.store)
        return value if type(value) in SCALARS else serialize.decode_leaves(value, self.store)

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
        sources: list[tuple[Any, bytes]] = []
        values: list[Any] = []
        for operand in node.operands:
            if isinstance(operand, Node):
                values.append(operand.result)
                if operand.origin is not None:
                    sources.append((operand.origin, operand.upstream))
            else:
                values.append(operand)
        try:
            result = self._operators.apply(expression, values)
            if isinstance(result, Lazy) or nested.has_lazy(result):
                tail = self.evaluate(result, node.parent)
                node.tail = tail
                if not self.wait_for(node, tail):
                    self.take_over(node, tail)
                return
            node.result = serialize.encode(result, self.store)
        except Exception as error:  # an operator of the user's own values: whatever it raises
            self.fail_with(node, error)
            return
        node.origin, node.upstream = join_origins(sources)
        self.resolve(node)

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

    def _read_context(self, node: FormNode, asked: ContextOf) -> Mapping[str, Any]:
        if node.parent is not None:
            note_context_read(node.parent)
        inherited = self._inherited if node.scope is None else node.scope.inherited
        return EMPTY if inherited is None else inherited.context

    def _apply_tags(self, node: FormNode, asked: ApplyTags) -> None:
        job = node.parent
        if job is not None and is_unrecorded(job):
            return
        if asked.tags:
            found = asked.value.node
            ref = self.as_ref(found.result if isinstance(found, Node) else found)
            self.recorder.tag_value(hashing.value_hash(ref.token), asked.tags)
        if asked.job_tags and job is not None:
            self.recorder.tag_job(job, asked.job_tags)
        if asked.execution_tags:
            self.recorder.tag_execution(asked.execution_tags)

    # Jobs: from arguments to an answer or a worker.

    def _expand_job(self, job: Job) -> None:
        """Bind the arguments of a job and start evaluating those that are expressions."""
        expression = job.expression
        task = job.task
        if task.has_lazy_options and not self._are_options_known(job):
            return
        job.phase = EXPANDED
        bound = job.arguments = task.parameters.bind(expression._args, expression._kwargs)
        if expression._origins:
            job.origins = place_origins(task, expression, len(bound))
        if not SCALARS.issuperset(map(type, bound)):
            arguments = job.arguments = list(bound)
            try:
                self._expand_arguments(job, arguments)
            except (TypeError, RedunliteError) as error:
                self.fail_with(job, error)
                return
        if not job.n_missing:
            self._bind(job)

    def _expand_arguments(self, job: Job, arguments: list[Any]) -> None:
        """Start evaluating those of a job's arguments that are not scalars."""
        task = job.task
        for i in task.lazy_defaults:
            if arguments[i] is task.parameters.defaults[i]:
                arguments[i] = self._copy_for(arguments[i], job)
        own: Mapping[int, ValueRef] = {}
        if task.parameters.has_objects:
            own = self._binder.get_own_defaults(task)
        i = 0
        try:
            for i, value in enumerate(arguments):
                if i in own and value is task.parameters.defaults[i]:
                    arguments[i] = own[i]
                elif type(value) not in SCALARS:
                    self._expand_argument(job, arguments, i)
        except (UnhashableValueError, HiddenExpressionError) as error:
            is_default = arguments[i] is task.parameters.defaults[i]
            kind = "default of" if is_default else "argument"
            error.put(f"{kind} {task.parameters.names[i]!r} of task {task.fullname!r}")
            raise

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
            settle_options(job, *known)
        except (TypeError, RedunliteError) as error:
            self.fail_with(job, error)
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

    def _expand_argument(self, job: Job, arguments: list[Any], i: int) -> None:
        value = arguments[i]
        kind = job.task.parameters.kinds[i]
        if kind != VAR_POSITIONAL and kind != VAR_KEYWORD:
            found = self.evaluate(value, job.parent)
            if isinstance(found, Node):
                self._add_pending(job, i, None, found)
            else:
                arguments[i] = found
            return
        items: Any = list(value) if kind == VAR_POSITIONAL else dict(value)
        arguments[i] = items
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

    def _bind(self, job: Job) -> None:
        """Give a job its hash, and an answer from this run if there is one."""
        if job.pending is not None or job.origins is not None:
            take_pending(job)
        try:
            job.eval_hash = self._binder.hash_call(job)
        except Exception as error:  # hashing reaches the user's own classes
            self.fail_with(job, error)
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
            if len(candidates) > 1:
                self._alike[job.serial] = candidates
            answer = choose_hit(candidates, job.options, live, store, self.classes, context_of(job))
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
                value = load_recorded(cached.single, self.store, job.task)
            except InvalidValueError:
                job.reason = NO_LONGER_VALID
                self._miss(job)
                return
            except UndecodableError as error:
                self._reporter.warning(f"{job.task.fullname}: recorded result not usable: {error}")
                self._miss(job)
                return
            job.single = cached.single
        job.kind = hit.kind
        job.cached = cached
        job.start_time = time.time_ns() // 1000
        counts = self.counts[job.task.fullname]
        self._show(CACHED, job)
        if hit.is_final:
            if cached.task_set is not None:
                job.task_ids = set(self.recorder.get_task_set(cached.task_set))
            job.value_origin = cached.result_origin
            if cached.context is not None:
                note_context_read(job)
            assert cached.result is not None
            self._finish(job, cached.result)
            return
        counts.pending -= 1
        counts.running += 1
        self._enter(job, REDUCING)
        self._reduce(job, value)

    def _miss(self, job: Job) -> None:
        """Send a job on its way to a worker."""
        if self._dry_run:
            job.phase = QUEUED
            self.n_would_run += 1
            self._show(RUN, job)
            return
        needs = job.options.get("limits")
        if needs:
            try:
                self._limits.check_possible(needs, job.task.fullname)
            except RedunliteError as error:
                self.fail_with(job, error)
                return
            if not self._limits.try_take(needs):
                if job.phase != REDUCING:
                    job.phase = QUEUED
                self._limited.append(job)
                return
        self._queue(job)

    def _queue(self, job: Job) -> None:
        if job.task.is_async:
            self._begin_coroutine(job, self._replayed.pop(job.serial, None))
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
            payload = self._binder.encode(job, self.uuid)
            if replayed is None:
                counts = self.counts[job.task.fullname]
                counts.pending -= 1
                counts.running += 1
                job.start_time = time.time_ns() // 1000
                self._enter(job, REDUCING)
            self._show(RUN, job, "async")
            self._coroutines.begin(job, payload, replayed)
        except Exception as error:  # decoding reaches the user's own classes
            self.give_back_limits(job)
            self.fail_with(job, error)

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
        else:
            self._replayed[job.serial] = index_replayed(asked.started, self.store)
        self._miss(job)
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

    def _open_queue(self, name: str, job: Job) -> JobQueue | None:
        executor = self._executors.get(name)
        if executor is None:
            error = UnknownExecutorError(
                "executor", name, self._executors, f"of task {job.task.fullname!r}",
                "executors are set in [executors.NAME] of the configuration",
            )  # fmt: skip
            self.fail_with(job, error)
            return None
        queue = self._queues.get(executor.name)
        if queue is None:
            executor.start(self)
            self._started[executor.name] = executor
            queue = self._queues[executor.name] = JobQueue()
        self._queue_of[name] = queue
        return queue

    def _pump(self) -> None:
        """Hand calls to executors that have room."""
        if self.is_stopping:
            return
        for name, queue in self._queues.items():
            executor = self._started[name]
            while not self.is_stopping:
                line = queue.line
                if not line or not executor.has_room(line[0].task.number):
                    break
                self._send(line.popleft(), executor)

    def _send(self, job: Job, executor: Executor) -> None:
        try:
            payload = self._binder.encode(job, self.uuid)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # encoding reaches the user's own classes
            self.give_back_limits(job)
            self.fail_with(job, error)
            return
        counts = self.counts[job.task.fullname]
        counts.pending -= 1
        counts.running += 1
        self._show(RUN, job, executor.name)
        job.start_time = time.time_ns() // 1000
        self._enter(job, SENT)
        self._sent[job.serial] = job
        executor.submit(Call(job.serial, job.task.number, payload))

    def _enter(self, job: Job, phase: int) -> None:
        """Make a job an open one: at a worker, or being reduced."""
        job.phase = phase
        self._open[job.serial] = job
        if not is_unrecorded(job):
            self._unwritten.append(job)

    # What executors say (`executors.base.ExecutorHost`).

    def get_task(self, task_number: int) -> Task[..., object]:
        """Return the task with that number."""
        return self._binder.get_task(task_number)

    def get_options(self, number: int) -> Mapping[str, Any]:
        """Return the task options in force for a call that an executor has."""
        return self._sent[number].options

    def deliver(self, outcome: Outcome) -> None:
        """Take the outcome of a call."""
        job = self._sent.pop(outcome.number, None)
        if job is None:
            return
        self.give_back_limits(job)
        job.usage = outcome.usage
        job.start_time = outcome.usage.start_time or job.start_time
        job.output = outcome.output
        if outcome.output is not None:
            self.show_output(job, outcome.output)
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
        try:
            expression, job.single = take_returned(value, outcome.detail, self.store)
        except Exception as error:  # decoding reaches the user's own classes
            self.fail_with(job, error)
            return
        job.phase = REDUCING
        if job.is_written:
            self._unwritten.append(job)
        if not self.is_stopping:
            self._reduce(job, expression)

    def show_output(self, job: Job, output: Output) -> None:
        """Show what a job has printed, where that is wanted."""
        if not self._reporter.live_output:
            return
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
            self.fail_with(job, error)
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
        nout = job.options.get("nout")
        if nout is not None and (job.cached is None or job.single is not None):
            try:
                check_length(job.task.fullname, nout, self.decode(result))
            except Exception as error:  # decoding reaches the user's own classes
                self.fail_with(job, error)
                return
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
        is_hidden = is_unrecorded(job)
        is_copy = cached is not None and job.single is None and not error_hash
        if cached is not None and (is_copy or job.kind == KIND_CSE):
            job.call_hash = cached.call_hash
        else:
            value_hash = error_hash or hashing.value_hash(result.token)  # type: ignore[union-attr]
            below = b""
            if child_hashes is not None:
                below = b"".join([h for h in child_hashes if h is not None])
            job.call_hash = hashing.call_hash(job.eval_hash, value_hash, below)
        recorded = self._find_recorded(job)
        if recorded is not None:
            job.call_id = recorded.id
            job.call_written = True
        elif not job.call_id and not is_hidden:
            job.call_id = self.recorder.next_call_id()
        phase, job.phase = job.phase, ENDED
        if phase in (SENT, REDUCING):
            del self._open[job.serial]
        job.child_hashes = None
        job.ranks = None
        if job.containers is not None:
            self._forget_containers(job)
        if job.task_ids is not None:
            self._below.setdefault(job.task.number, set()).update(job.task_ids)
        parent = job.parent
        is_read = reads_context(job)
        if parent is not None and parent.child_hashes is not None:
            if not is_hidden:
                parent.child_hashes[job.index] = job.call_hash
            self._add_tasks(parent, job)
            if is_read:
                note_context_read(parent)
        if not is_hidden:
            self.recorder.record_job(job)
        key = _seen_key(job)
        if job.failure is None:  # the job traceback shows the arguments of failed ones
            job.arguments = ()
        job.origins = None
        job.single = job.cached = job.usage = job.output = None
        job.start_time = 0
        job.eval_hash = b"" if job.failure is None else job.eval_hash
        job.origin = job.call_id or None
        job.upstream = job.call_hash
        expression, job.expression = job.expression, None
        left: Any = None
        if expression is not None and job.failure is None and job.task_ids is None:
            left = _leave_result(expression, self, job)
        if self._seen.get(key) is job:
            if left is None or job.upstream_digest or is_read:
                left = (
                    job.call_id, job.call_hash, job.result, job.task_ids, job.failure,
                    job.upstream_digest, is_read,
                )  # fmt: skip
            self._seen[key] = left
        if job.failure is not None:
            self._fail_waiters(job, job.failure)
        else:
            self.resolve(job)
        if self.recorder.is_due():
            self._flush()

    def _find_recorded(self, job: Job) -> CachedCall | None:
        """Return the recorded call that says all of this job's: same call, arguments from the same."""
        alike = self._alike.pop(job.serial, None) if self._alike else None
        cached = job.cached
        if cached is None or job.call_hash != cached.call_hash:
            return None
        if job.upstream_digest == cached.upstream:
            return cached
        if alike is None and job.kind == KIND_CSE and self.recorder.is_earlier(cached.id):
            alike = self.recorder.find_calls([job.eval_hash]).get(job.eval_hash)
        for other in alike or ():
            if other.call_hash == job.call_hash and other.upstream == job.upstream_digest:
                return other
        return None

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

    def get_tasks_below(self, task: Task[..., Any]) -> Collection[int]:
        """Return the row ids of the tasks below any call of a task in this run."""
        return self._below.get(task.number, ())

    def task_id(self, task: Task[..., Any]) -> int:
        """Return the row id of the present version of a task."""
        found = self._task_ids.get(task.number)
        if found is None:
            found = self._task_ids[task.number] = self.recorder.get_task_id(task)
        return found

    def resolve(self, node: Node) -> None:
        """Settle a node that has its result, and tell those who wait for it."""
        node.state = DONE
        todo = self._todo
        for waiter in node.take_waiters():
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
        elif type(earlier) is Node:
            self._copy_call(job, earlier.origin or 0, earlier.upstream, earlier.result)
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
            leader.upstream_digest, reads_context(leader),
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
        is_read: bool = False,
    ) -> None:
        """End a job with the call of another job of this run."""
        if is_read:
            note_context_read(job)
        job.task_ids = task_ids
        job.start_time = time.time_ns() // 1000
        job.cached = CachedCall(
            call_id, failure is None, result, None, call_hash, None, upstream, None
        )
        if failure is not None:
            self.fail(job, failure)
            return
        self._show(CACHED, job)
        job.value_origin = None
        assert result is not None
        self._finish(job, result)

    # Failure.

    def fail_with(self, node: Node, error: BaseException) -> None:
        """Let a node fail with an exception raised in this process."""
        job = node if type(node) is Job else node.parent
        self.fail(node, make_failure(error, job, self.store))

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
        self._show(REJECT, node)
        error_hash = hashing.value_hash(failure.error.token) if failure.error else b"\0" * 20
        node.state = FAILED
        self._close(node, error_hash)

    def _fail_waiters(self, node: Node, failure: Failure) -> None:
        node.state = FAILED
        for waiter in node.take_waiters():
            self._failed.append((waiter, failure))
        if node is self._root and self._first_failure is None:
            self._first_failure = failure
            if self._policy != KEEP_GOING:
                self._stop_launching(failure)
            elif self._sent:
                self._inform(self._show_first_failure, failure, None)

    def _pass_on_failure(self, node: Node, failure: Failure) -> None:
        if node.state != WAITING:
            return
        if type(node) is FormNode and not node.is_tail and node.generator is not None:
            self._untaken.pop(failure, None)
            if self.is_stopping:
                node.asked = None
                node.n_missing = 0
                return
            error = load_error(failure, self.store)
            value = Evaluated(make_error_node(failure, error, self.store), self.decode)
            self._forms.throw(node, EvaluationError(failure, error, value))
            return
        if type(node) is WatchNode:
            self._untaken.pop(failure, None)
            if not self.is_stopping:
                node.state = FAILED
                node.on_failure(failure, load_error(failure, self.store))
            return
        self.fail(node, failure)

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
                self._inform(self._show_first_failure, failure, len(self._sent))

    def _report_deadlock(self, root: Node) -> None:
        """Fail the root when nothing runs and nothing can: an expression that needs itself."""
        error = SchedulerError(
            "the workflow waits for itself: an expression needs its own result, "
            "or a limit is never given back"
        )
        self.fail_with(root, error)

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
        if not is_unrecorded(job):
            self.recorder.record_job(job)

    def _end(self, root: Node) -> RunResult:
        """Give every job its final state and close the execution."""
        left = [*self._open.values(), *self._following.values(), *self._limited, *self._asked]
        for queue in self._queues.values():
            left += queue
        for job in left:
            if job.phase != ENDED and not self._dry_run:
                self._cancel(job)
        if self._dry_run:
            self._count_dry()
        for summary in self._threads.iter_lost_failures():
            self._reporter.warning(f"a forked thread that nobody joined failed: {summary}")
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
        """Write what has ended, what is being reduced, and the calls that are at a worker now.

        A call that waits at an executor has no row yet: it is written once, when it has ended, and not
        twice.
        """
        unwritten = self._unwritten
        if unwritten:
            self._unwritten = []
            running = self._find_running()
            at_workers = {job.serial for job in running}
            for job in unwritten:
                if job.phase == SENT and job.serial not in at_workers:
                    self._unwritten.append(job)
                elif job.phase != ENDED:
                    self.recorder.record_open_job(job)
        self.recorder.flush()

    def _on_progress_timer(self) -> None:
        self._inform(self._show_progress)
        self.waits.call_after(PROGRESS_INTERVAL_S, self._on_progress_timer)

    def _show_progress(self) -> None:
        running = self._find_running()
        names = [job.task.fullname for job in running[:MAX_NAMES]]
        counts = count_at_workers(self.counts, self._sent, running)
        n_workers = sum(executor.n_workers for executor in self._started.values())
        left_s = estimate_left(counts, running, n_workers, self.recorder.find_mean_us)
        self._reporter.progress(counts, names, left_s)

    # What is shown.

    def tell(self, message: str) -> None:
        """Show a line of the user's own."""
        self._reporter.warning(message)

    def _count(self, job: Job) -> TaskCounts:
        return self.counts[job.task.fullname]

    def _find_running(self) -> list[Job]:
        return find_running(self._started.values(), self._sent)

    def _show(self, event: str, job: Job, executor: str = "") -> None:
        self._inform(self._show_line, event, job, executor)

    def _show_line(self, event: str, job: Job, executor: str) -> None:
        """Show the line of a job, with the reason when it runs, where a line is wanted."""
        if self._reporter.wants_line(event, job.task.fullname):
            if event == RUN:
                job.reason = self.recorder.find_reason(job, partial(self._binder.hash_as, job))
            self._reporter.job_line(describe_job(event, job, self._job_id(job), executor))

    def _show_first_failure(self, failure: Failure, n_running: int | None) -> None:
        self._reporter.first_failure(describe_failure(failure, self._job_id), n_running)

    def describe_failures(self, failure: Failure) -> tuple[ShownFailure, list[FailedJob], int]:
        """Return the failure of a run for a reporter, other failures of it, and how many those are."""
        others = [untaken for untaken in self._untaken if untaken is not failure]
        return (
            describe_failure(failure, self._job_id),
            list_failures(others[:MAX_FAILURES], self._job_id),
            len(others),
        )

    def _job_id(self, job: Job) -> str:
        if self.recorder.is_read_only:
            return ""
        if not job.salt:
            job.salt = self.recorder.make_salt()
        return job.salt[:4].hex()


def _seen_key(job: Job) -> bytes:
    """Return what two calls share that may have one answer within a run."""
    inherited = job.inherited
    return job.eval_hash if inherited is None else job.eval_hash + inherited.context_key


def _root_task(value: Any) -> Any:
    """Stand at the root of an execution whose expression is not a call of one task."""
    return value


ROOT_TASK: Task[..., Any] = Task(
    _root_task, {"name": "root_task", "namespace": "redunlite", "version": "1"}
)
