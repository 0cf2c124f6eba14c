"""Special forms: generators that the engine resumes, and what they may ask it for.

Decided here: how a form is started, resumed, ended and failed, and which requests it may yield. Not
here: what each form does (`control`, `functools`, `context`), how an expression is reduced
(`engine`). State: none of its own; a form's state is its `FormNode`, which only `Forms` changes.

A form is a generator function. What it yields decides what it is resumed with:

* an expression, or any value: its `Evaluated` result, or an `EvaluationError` thrown in;
* a `Request`: the answer to it, at once;

and what it returns is evaluated in its place.

A form of the user's (`task.PromiseTask`) is a plain function that gives a `Promise` and asks for
values through a `SchedulerView`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from redunlite.absent import explain_attribute
from redunlite.config import Config
from redunlite.errors import UndecodableError
from redunlite.job import DONE, FAILED, Failure, Job, Node, WatchNode, join_origins
from redunlite.kinds import Lazy, ValueRef
from redunlite.promise import Promise

if TYPE_CHECKING:
    import logging


class Evaluated(Lazy):
    """A value in the hands of a special form, which may look at it or pass it on."""

    __slots__ = ("_load", "node")

    def __init__(self, node: Any, load: Callable[[Any], Any]) -> None:
        self.node = node
        """The node, or the scalar or `ValueRef` itself."""
        self._load = load

    def get(self) -> Any:
        """Return the value, freshly decoded."""
        return self._load(self.node.result if isinstance(self.node, Node) else self.node)


class EvaluationError(Exception):
    """Thrown into a special form when what it asked for failed.

    `error` is the exception of the failed task; raise this on to let the failure climb further.
    """

    def __init__(self, failure: Failure, error: BaseException, value: Evaluated) -> None:
        super().__init__(failure)
        self.failure = failure
        self.error = error
        self.value = value
        """The exception as a value, to be passed to a task."""


class Request:
    """What a form asks of the engine beside a value; answered at once."""

    __slots__ = ()


class Recall(Request):
    """What `catch` asks before it evaluates: the recovery recorded for a graph that failed.

    Answered with the recorded expression, or None. The recovery holds as long as every task that
    had a part in the failure has its present code.
    """

    __slots__ = ("expression", "handlers")

    def __init__(self, expression: Any, handlers: tuple[Any, ...]) -> None:
        self.expression = expression
        self.handlers = handlers


class Remember(Recall):
    """What `catch` says after a failure: keep this recovery for the graph that failed."""

    __slots__ = ("recovery",)

    def __init__(self, expression: Any, handlers: tuple[Any, ...], recovery: Any) -> None:
        super().__init__(expression, handlers)
        self.recovery = recovery


class Start(Request):
    """Begin to evaluate a value and do not wait; answered with an `Evaluated` to be yielded later."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Fork(Start):
    """Begin to evaluate a value as a thread, which the run finishes before it ends.

    Answered with bytes by which `Join` finds the thread: they tell the graph, and how many like it
    were begun before in this run.
    """

    __slots__ = ()


class Join(Start):
    """Answered with the thread of that key, or else with the value's evaluation begun anew."""

    __slots__ = ("key",)

    def __init__(self, value: Any, key: bytes) -> None:
        super().__init__(value)
        self.key = key


class ApplyTags(Request):
    """Keep tags: of a value, of the job around the form, of the execution."""

    __slots__ = ("execution_tags", "job_tags", "tags", "value")

    def __init__(self, value: Evaluated, tags: Any, job_tags: Any, execution_tags: Any) -> None:
        self.value = value
        self.tags = tags
        self.job_tags = job_tags
        self.execution_tags = execution_tags


class RunAgain(Request):
    """What a replay says at the first difference: begin the coroutine after all."""

    __slots__ = ("started",)

    def __init__(self, started: Sequence[tuple[Any, Evaluated]]) -> None:
        self.started = started
        """What was awaited so far: each expression, and what it came to or waits for."""


class Abandoned(Exception):
    """Raised by the answer to a request after which nobody needs the form any more."""


class ContextOf(Request):
    """Answered with the context variables that hold where the form stands, as a dict."""

    __slots__ = ()


class FormNode(Node):
    """A special form that is being evaluated."""

    __slots__ = ("asked", "expression", "generator", "is_tail", "scope")

    def __init__(self, parent: Job | None, expression: Any, scope: Job | None = None) -> None:
        super().__init__(parent)
        self.expression = expression
        self.generator: Generator[Any, Any, Any] | None = None
        self.asked: Any = None
        """What it waits for: a node, or a value that is known."""
        self.is_tail = False
        """Whether `asked` is the form's own value."""
        self.scope = parent if scope is None else scope
        """The job whose context holds for it."""


class PromiseNode(FormNode):
    """A user's form that is being evaluated."""

    __slots__ = ("failures", "sources")

    def __init__(self, parent: Job | None, expression: Any, scope: Job | None = None) -> None:
        super().__init__(parent, expression, scope)
        self.sources: list[tuple[Any, bytes]] = []
        """Origin and upstream digest of the values that it was given."""
        self.failures: dict[int, tuple[BaseException, Failure]] = {}
        """`id` of an exception that it was given, to its failure."""

    def note_origin(self, node: Node) -> None:
        """Remember where a value came from that the form has looked at."""
        if node.origin is not None:
            self.sources.append((node.origin, node.upstream))


class CallView(NamedTuple):
    """What a user's form is told of its own call."""

    task_name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def task_expr_options(self) -> Mapping[str, Any]:
        """The options, as redun calls them."""
        return self.options


class SchedulerView:
    """What a user's form may ask of the running scheduler."""

    def __init__(self, host: FormHost, node: PromiseNode) -> None:
        self._host = host
        self._node = node

    def evaluate(self, value: Any, parent_job: Job | None = None) -> Promise[Any]:
        """Return the promise of what an expression, or a nested value with some, comes to."""
        promise: Promise[Any] = Promise()
        host, form = self._host, self._node
        try:
            found = host.evaluate(value, form.parent if parent_job is None else parent_job)
            if not isinstance(found, Node):
                promise.do_resolve(host.decode(found))
            elif found.state == DONE:
                form.note_origin(found)
                promise.do_resolve(host.decode(found.result))
            else:
                settle, reject = (
                    partial(_settle, host, form, promise),
                    partial(_reject, form, promise),
                )
                host.wait_for(WatchNode(form.parent, found, settle, reject), found)
        except Exception as error:  # the value is the user's
            promise.do_reject(error)
        return promise

    @property
    def config(self) -> Config:
        """The configuration of the run; without one, all defaults."""
        return self._host.config or Config()

    @property
    def logger(self) -> logging.Logger:
        """The logger of `redunlite.logging`."""
        from redunlite.logging import logger

        return logger

    def log(self, *messages: object) -> None:
        """Show a line of the user's own."""
        self._host.tell(" ".join(map(str, messages)))

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            raise AttributeError(explain_attribute("Scheduler", name, dir(type(self))))


def _settle(host: FormHost, form: PromiseNode, promise: Promise[Any], node: Node) -> None:
    """Give a promise the value that it waited for."""
    form.note_origin(node)
    try:
        value = host.decode(node.result)
    except UndecodableError as error:
        promise.do_reject(error)
        return
    promise.do_resolve(value)


def _reject(
    form: PromiseNode, promise: Promise[Any], failure: Failure, error: BaseException
) -> None:
    """Give a promise the failure of what it waited for."""
    form.failures[id(error)] = (error, failure)
    promise.do_reject(error)


class FormHost(Protocol):
    """What the engine does for forms."""

    config: Config | None
    """What the run was composed from; None in memory."""

    def evaluate(self, value: Any, parent: Job | None) -> Any:
        """Return a scalar or a `ValueRef` for what is known, else the node it comes from."""

    def decode(self, value: Any) -> Any:
        """Return the live value of a scalar or a `ValueRef`."""

    def as_ref(self, value: Any) -> ValueRef:
        """Return a scalar or a `ValueRef` as the latter."""

    def wait_for(self, waiter: Node, node: Node) -> bool:
        """Let `waiter` wait for `node`; tell whether it waits or has failed."""

    def take_over(self, node: Node, other: Any) -> None:
        """Resolve `node` with what `other` came to."""

    def fail(self, node: Node, failure: Failure) -> None:
        """Let a node fail, and after it all that needs it."""

    def fail_with(self, node: Node, error: BaseException) -> None:
        """Let a node fail with an exception raised in this process."""

    def resolve(self, node: Node) -> None:
        """Settle a node that has its result, and tell those who wait for it."""

    def tell(self, message: str) -> None:
        """Show a line."""


class Forms:
    """Moves special forms on.

    Parameters
    ----------
    answers
        What answers each kind of request: called with the form's node and the request.
    """

    def __init__(
        self,
        host: FormHost,
        answers: Mapping[type[Request], Callable[[FormNode, Any], Any]],
    ) -> None:
        self._host = host
        self._answers = answers

    def advance(self, node: FormNode) -> None:
        """Begin a form, or resume it with what it asked for."""
        if node.asked is not None:
            asked, node.asked = node.asked, None
            if node.is_tail:
                self._host.take_over(node, asked)
            else:
                self._step(node, Evaluated(asked, self._host.decode), None)
            return
        if isinstance(node, PromiseNode):
            self._begin_promise(node)
            return
        expression = node.expression
        args = [self._wrap(a) for a in expression._args]
        kwargs = {name: self._wrap(a) for name, a in expression._kwargs.items()}
        node.generator = expression._task.func(*args, **kwargs)
        self._step(node, None, None)

    def throw(self, node: FormNode, error: EvaluationError) -> None:
        """Resume a form with the failure of what it asked for."""
        node.asked = None
        node.n_missing = 0
        self._step(node, None, error)

    def _begin_promise(self, node: PromiseNode) -> None:
        host, expression = self._host, node.expression
        task = expression._task
        args = tuple(host.decode(a) for a in expression._args)
        kwargs = {name: host.decode(a) for name, a in expression._kwargs.items()}
        call = CallView(task.fullname, args, kwargs, task.options_for_call())
        view = SchedulerView(host, node)
        try:
            promise = task.func(view, node.parent, call, *args, **kwargs)
            if not isinstance(promise, Promise):
                raise TypeError(
                    f"scheduler task {task.fullname!r} returned {promise!r}, expected a Promise: "
                    "scheduler.evaluate(…) gives one"
                )
        except Exception as error:  # the form is the user's
            host.fail_with(node, error)
            return
        promise.then(partial(self._end_promise, node), partial(self._fail_promise, node))

    def _end_promise(self, node: PromiseNode, value: Any) -> None:
        host = self._host
        node.is_tail = True
        try:
            found = host.evaluate(value, node.parent)
        except Exception as error:  # the value is the user's
            host.fail_with(node, error)
            return
        if isinstance(found, Node):
            node.asked = found
            if not host.wait_for(node, found):
                self.advance(node)
            return
        node.origin, node.upstream = join_origins(node.sources)
        node.result = host.as_ref(found)
        host.resolve(node)

    def _fail_promise(self, node: PromiseNode, error: BaseException) -> None:
        known = node.failures.get(id(error))
        if known is None:
            self._host.fail_with(node, error)
        else:
            self._host.fail(node, known[1])

    def _wrap(self, value: Any) -> Any:
        return Evaluated(value, self._host.decode) if type(value) is ValueRef else value

    def _step(self, node: FormNode, sent: Any, error: EvaluationError | None) -> None:
        """Resume a form until it asks for something that is not known yet."""
        host, generator = self._host, node.generator
        assert generator is not None
        while True:
            try:
                if error is not None:
                    wanted = generator.throw(error)
                else:
                    wanted = generator.send(sent)
                error = None
                if isinstance(wanted, Request):
                    sent = self._answers[type(wanted)](node, wanted)
                    continue
                found = host.evaluate(wanted, node.parent)
            except StopIteration as stop:
                node.is_tail = True
                node.generator = None
                try:
                    found = host.evaluate(stop.value, node.parent)
                except Exception as raised:  # hashing reaches the user's own classes
                    host.fail_with(node, raised)
                    return
            except Abandoned:
                node.state, node.waiters, node.generator = FAILED, None, None
                return
            except EvaluationError as raised:
                host.fail(node, raised.failure)
                return
            except Exception as raised:  # the form's arguments are the user's own
                host.fail_with(node, raised)
                return
            if isinstance(found, Node) and found.state != DONE:
                node.asked = found
                host.wait_for(node, found)
                return
            if node.is_tail:
                host.take_over(node, found)
                return
            sent = Evaluated(found, host.decode)
