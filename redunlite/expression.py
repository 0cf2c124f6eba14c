"""Expressions: what a workflow hands to the engine instead of values, and their recorded form.

Decided here: which operations are lazy, which are refused and how, and how a value with expressions
in it is written down (`encode_result`) and read back (`decode_expression`). Not here: what an
expression evaluates to (`engine`). No state.

Recorded form: a graph becomes a table of nodes in which children come before parents, so that depth
costs memory and not recursion, and an expression used twice stays one. An argument in the table is
a plain scalar as it is, ``(i,)`` for node i, or ``[k]`` for part k: an encoded value that the
reader hands on without decoding it.
"""

from __future__ import annotations

import itertools
import math
import operator
import pickle
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

from redunlite import hashing, nested, serialize
from redunlite.call import StoredTask
from redunlite.errors import (
    HiddenExpressionError,
    InvalidValueError,
    UndecodableError,
    UnhashableValueError,
)
from redunlite.kinds import (
    FLAG_CHECK,
    FLAG_FILE,
    FORMAT_EXPRESSION,
    Lazy,
    TypeHandler,
    ValueRef,
    register_type,
    set_quote,
)
from redunlite.options import CONTEXT_OPTION
from redunlite.preview import format_preview
from redunlite.tracebacks import is_installed_file, is_library_file
from redunlite.valuestore import ValueStore

if TYPE_CHECKING:
    from redunlite.task import SchedulerTask, Task

SCALARS = frozenset({type(None), bool, int, float, str, bytes})
"""Immutable types that expressions and tables hold as they are."""

MAX_TRACED = 100_000
"""Items of a list whose origins are looked for."""

NO_KEYWORDS: Mapping[str, Any] = {}
"""Shared by all calls without keywords: a dictionary each would cost 64 bytes a call."""


AWAITER: ContextVar[Callable[[Any], Any] | None] = ContextVar("redunlite_awaiter", default=None)
"""What evaluates an awaited expression, in the context of an async task."""


def _setter(cls: type, slot: str) -> Callable[[Any, Any], None]:
    """Return what fills a slot of an expression, whose own attribute assignment is refused."""
    setter: Callable[[Any, Any], None] = cls.__dict__[slot].__set__
    return setter


_LOOKUPS = frozenset({"CONTAINS_OP", "BINARY_SUBSCR", "BINARY_OP", "DELETE_SUBSCR"})
"""Operations of Python's that ask a dict or a set for a key; from 3.14, `BINARY_OP` gets items."""


@lru_cache
def _is_foreign_file(path: str) -> bool:
    """Tell whether a file is none of the project's: libraries go by identity, and ask what they have."""
    return is_library_file(path) or is_installed_file(path)


def _get_operation() -> str:
    """Return the operation that the project's code executes now, which has called us back; else ""."""
    frame = sys._getframe(2)
    code = frame.f_code
    if _is_foreign_file(code.co_filename):
        return ""  # the engine, asyncio, pytest and others
    import opcode

    return opcode.opname[code.co_code[frame.f_lasti]]


class Expression(Lazy):
    """Something that the engine reduces to a value.

    Operators, item and attribute look-ups and calls on it are expressions too.
    """

    __slots__ = ("_node", "_run")

    # An array, a frame or a number of numpy's on the left leaves the operator to the expression.
    __array_priority__ = 1e9
    __pandas_priority__ = 1_000_000_000

    # Comparison and arithmetic.

    def __eq__(self, other: object) -> Any:
        return SimpleExpression("eq", (self, other))

    def __ne__(self, other: object) -> Any:
        return SimpleExpression("ne", (self, other))

    def __lt__(self, other: Any) -> Any:
        return SimpleExpression("lt", (self, other))

    def __le__(self, other: Any) -> Any:
        return SimpleExpression("le", (self, other))

    def __gt__(self, other: Any) -> Any:
        return SimpleExpression("gt", (self, other))

    def __ge__(self, other: Any) -> Any:
        return SimpleExpression("ge", (self, other))

    def __hash__(self) -> int:
        """Let an expression be a key or a member; a look-up by it would silently find nothing."""
        if _get_operation() in _LOOKUPS:
            self._refuse("looked up in a dict or a set", "pass both to a task that looks it up")
        return object.__hash__(self)

    def __neg__(self) -> Any:
        return SimpleExpression("neg", (self,))

    def __pos__(self) -> Any:
        return SimpleExpression("pos", (self,))

    def __invert__(self) -> Any:
        return SimpleExpression("invert", (self,))

    def __abs__(self) -> Any:
        return SimpleExpression("abs", (self,))

    def __round__(self, digits: Any = None) -> Any:
        return SimpleExpression("round", (self, digits))

    def __floor__(self) -> Any:
        return SimpleExpression("floor", (self,))

    def __ceil__(self) -> Any:
        return SimpleExpression("ceil", (self,))

    def __trunc__(self) -> Any:
        return SimpleExpression("trunc", (self,))

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        operands = (self, other) if modulus is None else (self, other, modulus)
        return SimpleExpression("pow", operands)

    def __rpow__(self, other: Any, modulus: Any = None) -> Any:
        if type(other) is float and sys._getframe(1).f_globals.get("__name__") == "fractions":
            # Until Python 3.12 a Fraction is made a float for exponents that it does not know.
            self._refuse("made the exponent of a Fraction", "pass both to a task")
        operands = (other, self) if modulus is None else (other, self, modulus)
        return SimpleExpression("pow", operands)

    @property
    def __class__(self) -> type[Expression]:
        """Return the class; refuse `match` with a class pattern, which would silently not match."""
        if _get_operation() == "MATCH_CLASS":
            self._refuse("matched with a class", "pass it to a task that looks at it")
        return type(self)

    @__class__.setter
    def __class__(self, value: Any) -> NoReturn:
        self.__setattr__("__class__", value)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return SimpleExpression("getslice", (self, key.start, key.stop, key.step))
        return SimpleExpression("getitem", (self, key))

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        if name == "add_done_callback":  # asyncio.wait would wait for ever
            raise AttributeError(
                f"{self._subject()} is no asyncio task; asyncio.ensure_future(…) makes one of it"
            )
        return SimpleExpression("getattr", (self, name))

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return SimpleExpression("call", (self, args, kwargs))

    def __await__(self) -> Generator[Any, None, Any]:
        awaiter = AWAITER.get()
        if awaiter is None:
            raise RuntimeError(
                f"{self._subject()} is awaited outside of an async task; "
                "await expressions in a function made a task: @task() async def …"
            )
        found: Generator[Any, None, Any] = awaiter(self).__await__()
        return found

    # What cannot be lazy.

    def __bool__(self) -> NoReturn:
        self._refuse("used as a condition", "use cond(), or pass it to a task that decides")

    def __iter__(self) -> Iterator[Any]:
        length = self._length()
        if length is None:
            self._refuse(
                "iterated, its length is unknown", "give the task nout=, or pass it to a task"
            )
        return iter([SimpleExpression("unpack", (self, i, length)) for i in range(length)])

    def __len__(self) -> int:
        length = self._length()
        if length is None:
            self._refuse("measured with len()", "pass it to a task that takes its len()")
        return length

    def __int__(self) -> NoReturn:
        self._refuse("made an int", "pass it to a task")

    def __float__(self) -> NoReturn:
        self._refuse("made a float", "pass it to a task")

    def __complex__(self) -> NoReturn:
        self._refuse("made a complex number", "pass it to a task")

    def __index__(self) -> NoReturn:
        self._refuse("used as an index", "pass it to a task")

    def __fspath__(self) -> str:
        self._refuse("used as a path", "pass it to a task that uses the path")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("made an array", "pass it to a task that uses the array")

    def __array_function__(self, function: Any, *args: Any) -> NoReturn:
        name = f"{function.__module__}.{function.__name__}()"
        self._refuse(f"passed to {name}", f"call {name} in a task")

    def __contains__(self, item: object) -> bool:
        self._refuse("searched with 'in'", "pass it to a task that searches")

    def __str__(self) -> str:
        self._refuse("made text", "pass it to a task that formats, or use repr() to look at it")

    def __format__(self, spec: str) -> str:
        self._refuse("put into text", "pass it to a task that formats, or use {…!r} to look at it")

    def __bytes__(self) -> NoReturn:
        self._refuse("made bytes", "pass it to a task")

    def __enter__(self) -> NoReturn:
        self._refuse("entered with 'with'", "use it inside a task")

    def __exit__(self, *error: object) -> NoReturn:
        self._refuse("left", "use it inside a task")

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self._refuse("changed by item assignment", "return a new value from a task")

    def __delitem__(self, key: Any) -> NoReturn:
        self._refuse("changed by del", "return a new value from a task")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        self._refuse(f"changed by setting attribute {name!r}", "return a new value from a task")

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse(f"changed by deleting attribute {name!r}", "return a new value from a task")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._refuse(
            "pickled", "return it in a list, tuple, dict or dataclass, or give it to a task"
        )

    def _refuse(self, what: str, way_out: str) -> NoReturn:
        raise TypeError(
            f"the result of {self._subject()} is not known yet and cannot be {what}; {way_out}"
        )

    def _subject(self) -> str:
        """Return the text that names this expression in an error."""
        text = repr(self)
        return text if len(text) <= 80 else text[:77] + "…"

    def _length(self) -> int | None:
        """Return the number of items that the value will have, where that is known."""
        return None


def _add_operators() -> None:
    """Give `Expression` the binary operators and their reflected forms."""
    names = (
        ["add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "lshift", "rshift", "xor", "divmod", "and", "or"]
    )  # fmt: skip
    for name in names:
        forward, reflected = _make_operator(name)
        setattr(Expression, f"__{name}__", forward)
        setattr(Expression, f"__r{name}__", reflected)


def _make_operator(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Expression, other: Any) -> Any:
        return SimpleExpression(name, (self, other))

    def reflected(self: Expression, other: Any) -> Any:
        return SimpleExpression(name, (other, self))

    return forward, reflected


_add_operators()

_set_node = _setter(Expression, "_node")
_set_run = _setter(Expression, "_run")


def remember_node(expression: Expression, run: object, node: Any) -> None:
    """Keep the engine's node on the expression, so that using it twice evaluates it once."""
    _set_run(expression, run)
    _set_node(expression, node)


class AwaitOrigin(NamedTuple):
    """Says of an argument that it is the very object that an await gave."""

    number: int
    """Counts the awaits of the coroutine from 0."""
    origin: Any
    """Where the value of the await came from, as a node's `origin` and `upstream`."""
    upstream: bytes


Source: TypeAlias = int | AwaitOrigin | list[int | AwaitOrigin]
"""Where an argument came from, as its caller knows it: an argument of the caller's own, by its place;
what an await gave; several of these, of the items of a list. ``-1 - i`` is await i that is only recorded
as yet."""


class TaskExpression(Expression):
    """A call of a task."""

    __slots__ = ("_args", "_kwargs", "_origins", "_task")

    _task: Task[..., Any]
    _args: Sequence[Any]
    _kwargs: Mapping[str, Any]
    _origins: Mapping[int | str, Source] | None
    """Position or name of an argument to where the enclosing call had it from, if that is known."""

    def __init__(
        self,
        task: Task[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        origins: Mapping[int | str, Source] | None = None,
    ) -> None:
        _set_task(self, task)
        _set_args(self, args)
        _set_kwargs(self, kwargs)
        _set_origins(self, origins)
        _set_run(self, None)

    def __repr__(self) -> str:
        return f"{self._task.fullname}({format_arguments(self._args, self._kwargs)})"

    def _subject(self) -> str:
        return f"task {self._task.fullname!r}"

    def _length(self) -> int | None:
        return find_length(self._task)


_set_task = _setter(TaskExpression, "_task")
_set_args = _setter(TaskExpression, "_args")
_set_kwargs = _setter(TaskExpression, "_kwargs")
_set_origins = _setter(TaskExpression, "_origins")


class SchedulerExpression(TaskExpression):
    """A call of a special form."""

    __slots__ = ()

    _task: SchedulerTask[..., Any]

    def _subject(self) -> str:
        return f"{self._task.name}()"


class SimpleExpression(Expression):
    """An operator on values that are not known yet."""

    __slots__ = ("_operands", "_operator")

    _operator: str
    _operands: tuple[Any, ...]

    def __init__(self, operator: str, operands: tuple[Any, ...]) -> None:
        _set_operator(self, operator)
        _set_operands(self, operands)
        _set_run(self, None)

    def __repr__(self) -> str:
        name, values = self._operator, self._operands
        if name in SYMBOLS and len(values) == 2:
            return f"({_short_repr(values[0])} {SYMBOLS[name]} {_short_repr(values[1])})"
        if name in ("getitem", "unpack"):
            return f"{_short_repr(values[0])}[{_short_repr(values[1])}]"
        if name == "getslice":
            bounds = ["" if v is None else _short_repr(v) for v in values[1:]]
            text = ":".join(bounds if values[3] is not None else bounds[:2])
            return f"{_short_repr(values[0])}[{text}]"
        if name == "getattr":
            return f"{_short_repr(values[0])}.{values[1]}"
        if name == "call":
            return f"{_short_repr(values[0])}({format_arguments(values[1], values[2])})"
        if name in ("neg", "pos", "invert"):
            return f"({'-+~'[('neg', 'pos', 'invert').index(name)]}{_short_repr(values[0])})"
        return f"{name}({', '.join(_short_repr(v) for v in values)})"

    def _subject(self) -> str:
        task = find_task_below(self)
        text = super()._subject()
        return text if task is None else f"{text} from task {task.fullname!r}"


_set_operator = _setter(SimpleExpression, "_operator")
_set_operands = _setter(SimpleExpression, "_operands")


class ValueExpression(Expression):
    """A value where an expression is wanted."""

    __slots__ = ("_value",)

    _value: Any

    def __init__(self, value: Any) -> None:
        _set_value(self, value)
        _set_run(self, None)

    def __repr__(self) -> str:
        return _short_repr(self._value)


_set_value = _setter(ValueExpression, "_value")

SYMBOLS = {
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "add": "+", "sub": "-",
    "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "lshift": "<<", "rshift": ">>", "xor": "^", "and": "&", "or": "|",
}  # fmt: skip


def _get_slice(value: Any, start: Any, stop: Any, step: Any) -> Any:
    return value[start:stop:step]


def _unpack(value: Any, i: int, length: int) -> Any:
    """Return one of the results that the caller has counted on."""
    if len(value) != length:
        raise ValueError(f"expected {length} results to unpack and got {len(value)}")
    return value[i]


def _call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return function(*args, **kwargs)


OPERATORS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in SYMBOLS if name not in ("and", "or", "pow")},
    "pow": pow,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "neg": operator.neg,
    "pos": operator.pos,
    "invert": operator.invert,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": lambda value, digits: round(value) if digits is None else round(value, digits),
    "divmod": divmod,
    "getitem": operator.getitem,
    "getslice": _get_slice,
    "unpack": _unpack,
    "getattr": getattr,
    "call": _call,
}
"""What each operator of a `SimpleExpression` does to values."""


def format_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the text of arguments as in a call, keywords sorted."""
    parts = [_short_repr(a) for a in args]
    parts += [f"{k}={_short_repr(v)}" for k, v in sorted(kwargs.items())]
    return ", ".join(parts)


def _short_repr(value: Any, depth: int = 6) -> str:
    """Return `repr`, but bounded in depth and length: a chain of expressions may be very deep."""
    if isinstance(value, TaskExpression):
        if depth == 0:
            return f"{value._task.fullname}(…)"
        shown = [_short_repr(a, depth - 1) for a in list(value._args)[:6]]
        shown += [f"{k}={_short_repr(v, depth - 1)}" for k, v in sorted(value._kwargs.items())[:6]]
        return f"{value._task.fullname}({', '.join(shown)})"
    if isinstance(value, SimpleExpression):
        if depth == 0:
            return "…"
        name, values = value._operator, value._operands
        shown = [_short_repr(v, depth - 1) for v in values]
        if name in SYMBOLS and len(values) == 2:
            return f"({shown[0]} {SYMBOLS[name]} {shown[1]})"
        if name == "getattr":
            return f"{shown[0]}.{values[1]}"
        if name in ("getitem", "unpack"):
            return f"{shown[0]}[{shown[1]}]"
        return f"{name}({', '.join(shown)})"
    if isinstance(value, ValueRef):
        return value.preview or hashing.preview_token(value.token, 80)
    if type(value) in (list, tuple, dict):
        return _short_container(value, depth)
    return format_preview(value)


def _short_container(value: Any, depth: int) -> str:
    if depth == 0:
        return "…"
    if type(value) is dict:
        shown = [
            f"{_short_repr(k, depth - 1)}: {_short_repr(v, depth - 1)}"
            for k, v in itertools.islice(value.items(), 8)
        ]
    else:
        shown = [_short_repr(v, depth - 1) for v in value[:8]]
    if len(value) > 8:
        shown.append("…")
    text = ", ".join(shown)
    if type(value) is dict:
        return f"{{{text}}}"
    if type(value) is list:
        return f"[{text}]"
    return f"({text},)" if len(value) == 1 else f"({text})"


def find_task_below(expression: Expression) -> Task[..., Any] | None:
    """Return the first task in the operands of an expression, or None."""
    todo: list[Any] = [expression]
    for _ in range(1000):
        if not todo:
            break
        item = todo.pop()
        if isinstance(item, TaskExpression):
            return item._task
        if isinstance(item, SimpleExpression):
            todo.extend(o for o in reversed(item._operands) if isinstance(o, Lazy))
    return None


def find_length(task: Task[..., Any]) -> int | None:
    """Return the number of results that a task's `nout` or its annotation promises, or None."""
    nout = task.options_for_call().get("nout")
    if isinstance(nout, int):
        return nout
    annotation = task.func.__annotations__.get("return")
    if isinstance(annotation, str):
        annotation = _resolve_annotation(task.func, annotation)
    if annotation is None:
        return None
    fields = getattr(annotation, "_fields", None)
    if isinstance(annotation, type) and issubclass(annotation, tuple) and fields is not None:
        return len(fields)
    if getattr(annotation, "__origin__", None) is not tuple:
        return None
    items = annotation.__args__
    if items == ((),):
        return 0
    return None if Ellipsis in items else len(items)


def _resolve_annotation(function: Callable[..., Any], text: str) -> Any:
    """Return what the text of an annotation means where the function was defined, or None."""
    if "tuple" not in text.lower() and not text.isidentifier():
        return None
    import typing

    scope = getattr(function, "__globals__", {})
    try:
        return eval(text, {**vars(typing), **scope})
    except Exception:  # the user's own names are evaluated: whatever they raise, there is no length
        return None


class QuotedExpression:
    """An expression as a value: it is not evaluated until `eval` gives it back.

    Made by `quote`. It can be passed to tasks, returned and recorded like any value; two are equal
    for the cache when they are the same calls with the same arguments, whatever the code of the
    tasks is by then.

    >>> from redunlite import task
    >>> @task(namespace="docs")
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> quote(double(1))
    quote(docs.double(1))
    >>> quote(double(1)).eval()
    docs.double(1)
    """

    __slots__ = ("_expr",)

    def __init__(self, expr: Any) -> None:
        self._expr = expr

    def eval(self) -> Any:
        """Return the expression."""
        return self._expr

    def __reduce__(self) -> tuple[Any, ...]:
        return load_quoted, dump_graph(self._expr)

    def __repr__(self) -> str:
        return f"quote({_short_repr(self._expr)})"


def quote(expr: Any) -> QuotedExpression:
    """Return an expression, or a nested value with some in it, as a value that stays as it is."""
    return QuotedExpression(expr)


def load_quoted(body: bytes, tasks: Sequence[Task[..., Any]]) -> QuotedExpression:
    """Return a quoted expression from its parts. The name of this function is part of stored values."""
    return QuotedExpression(load_graph(body, tasks))


serialize.set_lazy_reducer(lambda value: (load_graph, dump_graph(value)))
register_type(
    QuotedExpression,
    TypeHandler("redunlite.Quoted", lambda quoted: describe_graph(quoted._expr)),
)

set_quote(quote)


# The recorded form.

_TASK, _SPECIAL, _SIMPLE, _VALUE, _LIST, _TUPLE, _DICT, _OTHER = range(8)


class Hole:
    """Stands in a stored container for the argument with that number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return Hole, (self.number,)

    def __hash__(self) -> int:
        return hash((Hole, self.number))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hole) and other.number == self.number


class _Table:
    """The node table of one value while it is made."""

    def __init__(
        self, store: ValueStore | None, origins: Mapping[int, int], *, keep_origins: bool = False
    ) -> None:
        self.store = store
        """Where large parts go; None: every part is kept in the table."""
        self.origins = origins
        """`id` of an argument of the enclosing call, to its place."""
        self.keep_origins = keep_origins
        """Whether origins that calls have already are written down."""
        self.nodes: list[Any] = []
        self.parts: list[ValueRef] = []
        self.tasks: list[Task[..., Any]] = []
        self._task_index: dict[int, int] = {}
        self._node_index: dict[int, int] = {}
        self._part_index: dict[int, int] = {}
        self._kept: list[Any] = []
        self._containers = nested.LazyContainers()

    def add(self, root: Any) -> None:
        """Write down `root` and all that it needs; its node is the last one."""
        stack: list[tuple[Any, Sequence[Any] | None]] = [(root, None)]
        index = self._node_index
        active: set[int] = set()
        """Those whose parts are being written down: meeting one again is a cycle."""
        while stack:
            value, children = stack.pop()
            if id(value) in index:
                continue
            if children is None:
                if id(value) in active:
                    raise UnhashableValueError("a value with an expression in it contains itself")
                active.add(id(value))
                children = self._children(value)
                waiting = [c for c in children if self._is_node(c) and id(c) not in index]
                if waiting:
                    stack.append((value, children))
                    stack.extend((c, None) for c in reversed(waiting))
                    continue
            try:
                node = self._make(value)
            except (UnhashableValueError, HiddenExpressionError) as error:
                above = [held for held, children in stack if children is not None]
                self._name_part(error, value, above)
                raise
            index[id(value)] = len(self.nodes)
            self._kept.append(value)
            self.nodes.append(node)

    def _name_part(self, error: Any, value: Any, above: Sequence[Any]) -> None:
        """Say in an error which argument holds what has no hash.

        Parameters
        ----------
        value
            What was being written down.
        above
            What holds it, the innermost last.
        """
        chain = [*above, value]
        holders = set(map(id, chain))
        for call in reversed(chain):
            if isinstance(call, TaskExpression):
                for key, argument in _list_arguments(call):
                    if id(argument) in holders or (call is value and not self._has_hash(argument)):
                        error.put(name_argument(call._task, key))
                        return

    def _has_hash(self, value: Any) -> bool:
        try:
            self._item(value)
        except (UnhashableValueError, HiddenExpressionError):
            return False
        return True

    def _is_node(self, value: Any) -> bool:
        kind = type(value)
        if kind in SCALARS or kind is ValueRef:
            return False
        return isinstance(value, Lazy) or self._containers.holds(value)

    def _children(self, value: Any) -> Sequence[Any]:
        if isinstance(value, TaskExpression):
            return [*value._args, *value._kwargs.values()] if value._kwargs else value._args
        if isinstance(value, SimpleExpression):
            if value._operator == "call":
                function, args, kwargs = value._operands
                return [function, *args, *kwargs.values()]
            return value._operands
        if isinstance(value, ValueExpression):
            return (value._value,)
        kind = type(value)
        if kind is list or kind is tuple:
            return value  # type: ignore[no-any-return]
        if kind is dict and not any(isinstance(k, Lazy) for k in value):
            return list(value.values())
        return list(nested.iter_leaves(value))

    def _make(self, value: Any) -> Any:
        item = self._item
        if isinstance(value, TaskExpression):
            kind = _SPECIAL if isinstance(value, SchedulerExpression) else _TASK
            origins: dict[int | str, Any] = {}
            if self.keep_origins and value._origins:
                origins = {key: _number(source) for key, source in value._origins.items()}
            elif self.origins:
                found = self.origins
                origins = {i: found[id(a)] for i, a in enumerate(value._args) if id(a) in found}
                for name, argument in value._kwargs.items():
                    if id(argument) in found:
                        origins[name] = found[id(argument)]
            kwargs = {k: item(v) for k, v in value._kwargs.items()} if value._kwargs else None
            args = tuple([a if type(a) in SCALARS else item(a) for a in value._args])
            return (kind, self._task(value._task), args, kwargs, origins or None)
        if isinstance(value, SimpleExpression):
            if value._operator == "call":
                function, args, kwargs = value._operands
                named = {k: item(v) for k, v in kwargs.items()}
                return (_SIMPLE, "call", (item(function), [tuple(map(item, args))], named))
            return (_SIMPLE, value._operator, tuple(map(item, value._operands)))
        if isinstance(value, ValueExpression):
            return (_VALUE, item(value._value))
        kind_of = type(value)
        if kind_of is list or kind_of is tuple:
            return (_LIST if kind_of is list else _TUPLE, tuple(map(item, value)))
        if kind_of is dict and not any(isinstance(k, Lazy) for k in value):
            keys = tuple(map(item, value))
            return (_DICT, keys, tuple(map(item, value.values())))
        holes: list[Any] = []

        def make_hole(leaf: Any) -> Hole:
            holes.append(item(leaf))
            return Hole(len(holes) - 1)

        skeleton = nested.map_leaves(value, make_hole)
        return (_OTHER, self._part(skeleton), tuple(holes))

    def _item(self, value: Any) -> Any:
        if type(value) in SCALARS:
            return value
        node = self._node_index.get(id(value))
        if node is not None:
            return (node,)
        return [self._part(value)]

    def _part(self, value: Any) -> int:
        found = self._part_index.get(id(value))
        if found is None:
            if not isinstance(value, ValueRef):
                store = self.store
                ref = (
                    serialize.encode_inline(value)
                    if store is None
                    else serialize.encode(value, store)
                )
            else:
                ref = value
            found = self._part_index[id(value)] = len(self.parts)
            self.parts.append(ref)
            self._kept.append(value)
        return found

    def _task(self, task: Task[..., Any]) -> int:
        found = self._task_index.get(id(task))
        if found is None:
            found = self._task_index[id(task)] = len(self.tasks)
            self.tasks.append(task)
        return found

    def body(self) -> bytes:
        """Return the bytes of the nodes and the parts."""
        parts = tuple(
            (p.token, p.format, p.data, p.size, p.preview, p.type_name, p.flags, p.classes)
            for p in self.parts
        )
        return pickle.dumps((tuple(self.nodes), parts), 5)

    def state(self, *, with_options: bool = True) -> tuple[list[Any], list[Any]]:
        """Return what the whole is told by beside its parts: the nodes, with tasks by name.

        A run of calls of one task with as many plain arguments counts as one entry with a column
        for each argument, so that a fan-out is hashed in a few long lists.
        """
        names: list[Any] = []
        for task in self.tasks:
            name: tuple[Any, ...] = (task.fullname, _tell_task(task))
            if with_options and task.call_options:
                name = (*name, _encode_options(task))
            names.append(name)
        entries: list[Any] = []
        shape: tuple[int, int, int] | None = None
        rows: list[tuple[Any, ...]] = []
        for node in self.nodes:
            found = None
            if node[0] == _TASK and node[3] is None and node[4] is None:
                args = node[2]
                if all(type(a) in SCALARS for a in args):
                    found = (_TASK, node[1], len(args))
            if found is None or found != shape:
                if shape is not None:
                    entries.append((shape, len(rows), [list(column) for column in zip(*rows)]))
                    rows = []
                shape = found
            if found is None:
                entries.append(node)
            else:
                rows.append(node[2])
        if shape is not None:
            entries.append((shape, len(rows), [list(column) for column in zip(*rows)]))
        return names, entries

    def token(self, *, with_options: bool = True) -> bytes:
        """Return the token of the whole: its state, with parts by hash."""
        state = self.state(with_options=with_options)
        content = hashing.token((*state, [p.token for p in self.parts]))
        return b"#" + hashing.digest(b"expression", content)


def _tell_task(task: Task[..., Any]) -> bytes | str | None:
    """Return what tells a task beside its name: its place, or its hash where only bytes carry it."""
    if task.is_by_value:
        return task.hash
    return None if task.module.partition(".")[0] == "redunlite" else task.place


def _encode_options(task: Task[..., Any]) -> bytes | None:
    if not task.call_options:
        return None
    try:
        return serialize.encode_bytes(quote_lazy(task.call_options), has_exception=True)
    except UnhashableValueError:
        of_task = f"of a call of task {task.fullname!r}"
        for name, value in task.call_options.items():
            if name != CONTEXT_OPTION:
                _check_pickles(value, f"option {name!r} {of_task}")
                continue
            for variable, held in value.items():
                _check_pickles(held, f"context variable {variable!r} {of_task}")
        raise


def _list_arguments(call: TaskExpression) -> list[tuple[int | str, Any]]:
    return [*enumerate(call._args), *call._kwargs.items()]


def name_argument(task: Task[..., Any], key: int | str) -> str:
    """Return what errors call the argument of a call at a position, or of a name."""
    return f"argument {task.parameters.name_of(key)!r} of task {task.fullname!r}"


def _number(source: Source) -> int | list[int]:
    """Return a source in its recorded form, in which an await is a number."""
    if isinstance(source, list):
        return [-1 - s.number if isinstance(s, AwaitOrigin) else s for s in source]
    return -1 - source.number if isinstance(source, AwaitOrigin) else source


def _store_task(task: Task[..., Any]) -> StoredTask:
    options = _encode_options(task)
    place = task.place
    if not task.is_by_value:
        return StoredTask(task.fullname, None, None, False, options, place)
    blob = serialize.encode_bytes(task.base)
    is_closure = task.is_closure or task.is_shadowed
    return StoredTask(task.fullname, task.hash, blob, is_closure, options, place)


def _check_pickles(value: Any, place: str) -> None:
    try:
        serialize.encode_bytes(quote_lazy(value), has_exception=True)
    except UnhashableValueError as error:
        error.put(place)
        raise error from error.__cause__


def quote_lazy(value: Any) -> Any:
    """Return a value as it is, or quoted when there are expressions in it."""
    return QuotedExpression(value) if nested.has_lazy(value) else value


def index_origins(
    args: Sequence[Any], kwargs: Mapping[str, Any], places: Mapping[Any, int]
) -> dict[int, tuple[Any, int]]:
    """Return `id` of each argument, and of each item of a list argument, to it and its place.

    Objects that Python shares anyway (small numbers, short text, None) tell nothing about where a
    value came from and are left out.
    """
    found: dict[int, tuple[Any, int]] = {}
    for key, value in [*enumerate(args), *kwargs.items()]:
        place = places.get(key, key if isinstance(key, int) else 0)
        for part in iter_traced(value):
            found.setdefault(id(part), (part, place))
    return found


def iter_traced(value: Any) -> Iterator[Any]:
    """Yield a value and, of a list, tuple or dict, its items; without objects that Python shares."""
    if not is_shared_object(value):
        yield value
    if isinstance(value, (list, tuple, dict)) and len(value) <= MAX_TRACED:
        for item in value.values() if isinstance(value, dict) else value:
            if not is_shared_object(item):
                yield item


def is_shared_object(value: Any) -> bool:
    """Tell whether equal values of this kind may be one object, whatever made them."""
    kind = type(value)
    if kind is int:
        return -5 <= value <= 256  # type: ignore[no-any-return]
    if kind is str or kind is bytes:
        return len(value) <= 1
    if value is None or kind is bool or value is Ellipsis:
        return True
    if kind is tuple or kind is frozenset:
        return not value
    return isinstance(value, Enum) or callable(value)


class Freezer:
    """Fixes the values in what a coroutine awaits, and tells where its calls' arguments came from.

    A coroutine may change a list that it has passed on; what is evaluated and recorded is the list
    as it was at the `await`. Values in a graph become `ValueRef`s, and containers with expressions are
    copied.

    State: containers that were copied, so that calls that share one go on sharing it; one for each
    coroutine.
    """

    def __init__(self, store: ValueStore, thawed: deque[Callable[[], None]]) -> None:
        self._store = store
        self._thawed = thawed
        """Called at the end of a run, these put values back that lie in its store: an expression may be
        evaluated by another run, with another store. As many as the deque takes; the latest stay."""
        self._copied: dict[int, tuple[Any, list[Any], Any]] = {}
        """`id` of a container to itself, its members when it was copied, and the copy."""

    def freeze(
        self, value: Any, run: object, origins: Mapping[int, tuple[Any, int | AwaitOrigin]]
    ) -> Any:
        """Return an expression, or a value with some in it, whose values will not change any more.

        Parameters
        ----------
        run
            What has been evaluated in it is as it was.
        origins
            `id` of an object to itself and to where it came from.
        """
        held: dict[int, Any] = {}
        containers = nested.LazyContainers()
        todo: list[Expression] = []

        def hold(item: Any) -> Any:
            if type(item) in SCALARS or type(item) is ValueRef:
                return item
            if isinstance(item, Lazy):
                if isinstance(item, Expression):
                    todo.append(item)
                return item
            found = held.get(id(item))
            if found is None:
                if containers.holds(item):
                    found = self._copy(item, containers, hold)
                else:
                    found = serialize.encode(item, self._store)
                held[id(item)] = found
            if type(found) is ValueRef and found.flags & FLAG_FILE:
                is_stored.append(True)
            return found

        is_stored: list[bool] = []
        frozen = hold(value)
        seen: set[int] = set()
        while todo:
            expression = todo.pop()
            if id(expression) in seen or expression._run is run:
                continue
            seen.add(id(expression))
            is_stored.clear()
            thaw = _make_thaw(expression)
            if isinstance(expression, TaskExpression):
                self._freeze_call(expression, hold, origins)
            elif isinstance(expression, SimpleExpression):
                operands = expression._operands
                if expression._operator == "call":
                    function, args, kwargs = operands
                    operands = (
                        hold(function), tuple(map(hold, args)),
                        {name: hold(argument) for name, argument in kwargs.items()},
                    )  # fmt: skip
                else:
                    operands = tuple(map(hold, operands))
                _set_operands(expression, operands)
            elif isinstance(expression, ValueExpression):
                _set_value(expression, hold(expression._value))
            if is_stored:
                self._thawed.append(thaw)
        return frozen

    @staticmethod
    def _freeze_call(
        call: TaskExpression,
        hold: Callable[[Any], Any],
        origins: Mapping[int, tuple[Any, int | AwaitOrigin]],
    ) -> None:
        if origins and call._origins is None:
            found = {}
            for key, value in [*enumerate(call._args), *call._kwargs.items()]:
                source = _find_source(value, origins)
                if source is not None:
                    found[key] = source
            if found:
                _set_origins(call, found)
        held: dict[int | str, Any] = {}
        for key, value in _list_arguments(call):
            try:
                held[key] = hold(value)
            except (UnhashableValueError, HiddenExpressionError) as error:
                error.put(name_argument(call._task, key))
                raise
        _set_args(call, tuple(held[i] for i in range(len(call._args))))
        if call._kwargs:
            _set_kwargs(call, {name: held[name] for name in call._kwargs})

    def _copy(
        self, value: Any, containers: nested.LazyContainers, hold: Callable[[Any], Any]
    ) -> Any:
        split = nested.Split(value, containers)
        parts = [hold(leaf) for leaf in split.leaves]
        if not split.is_flat:
            return split.join(parts)
        known = self._copied.get(id(value))
        if known is not None and len(known[1]) == len(parts) and all(map(_is, known[1], parts)):
            return known[2]
        made = split.join(parts)
        self._copied[id(value)] = (value, parts, made)
        return made


def _make_thaw(expression: Expression) -> Callable[[], None]:
    """Return what puts the present values of an expression back."""
    if isinstance(expression, TaskExpression):
        args, kwargs = expression._args, expression._kwargs

        def thaw() -> None:
            _set_args(expression, args)
            _set_kwargs(expression, kwargs)

        return thaw
    if isinstance(expression, SimpleExpression):
        return partial(_set_operands, expression, expression._operands)
    assert isinstance(expression, ValueExpression)
    return partial(_set_value, expression, expression._value)


def _find_source(value: Any, origins: Mapping[int, tuple[Any, int | AwaitOrigin]]) -> Source | None:
    """Return where a value came from, or where items of a list did."""
    known = origins.get(id(value))
    if known is not None:
        return known[1]
    if not isinstance(value, (list, tuple, dict)) or len(value) > MAX_TRACED:
        return None
    items: Iterable[Any] = value.values() if isinstance(value, dict) else value
    found: dict[int, int | AwaitOrigin] = {}
    for item in items:
        known = origins.get(id(item))
        if known is not None:
            source = known[1]
            found[-1 - source.number if isinstance(source, AwaitOrigin) else source] = source
    return list(found.values()) or None


_is = operator.is_


def place_awaits(value: Any, find: Callable[[int], AwaitOrigin | None]) -> None:
    """Give the arguments in a recorded graph that came from awaits the origins of these.

    Parameters
    ----------
    find
        Returns the origin of the await with that number.
    """
    for call in iter_calls(value, is_new=True):
        if call._origins:
            found: dict[int | str, Source] = {}
            for key, source in call._origins.items():
                placed = [
                    find(-1 - one) if isinstance(one, int) and one < 0 else one
                    for one in (source if isinstance(source, list) else [source])
                ]
                known = [one for one in placed if one is not None]
                if known:
                    found[key] = known if isinstance(source, list) else known[0]
            _set_origins(call, found or None)


def encode_result(
    value: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    store: ValueStore,
    places: Mapping[Any, int] | None = None,
) -> tuple[ValueRef, tuple[StoredTask, ...]]:
    """Write down a result that has expressions in it.

    Parameters
    ----------
    value
        What the function returned.
    args, kwargs
        The decoded arguments it was called with: an argument of a call inside `value` that is one
        of these very objects is recorded as coming from there.
    places
        Keyword to place among the bound arguments; positions are their own place.

    Returns
    -------
    ref, tasks
        The recorded expression, and the tasks it names by their index.
    """
    index = index_origins(args, kwargs, places or {})
    table = _Table(store, {key: place for key, (_, place) in index.items()}, keep_origins=True)
    table.add(value)
    body = table.body()
    flags = 0
    classes: set[str] = set()
    for part in table.parts:
        flags |= part.flags & FLAG_CHECK
        classes.update(part.classes)
    token = table.token()
    ref = ValueRef(
        token, FORMAT_EXPRESSION, body, len(body), _preview(value), "redunlite.Expression",
        flags, tuple(sorted(classes)),
    )  # fmt: skip
    return ref, tuple(map(_store_task, table.tasks))


def hash_expression(value: Any, store: ValueStore, *, with_options: bool = False) -> bytes:
    """Return 20 bytes that stand for a graph: its shape, its tasks by name, its values.

    Options of calls are left out, unless they are asked for: few change what comes of it.
    """
    table = _Table(store, {})
    table.add(value)
    return table.token(with_options=with_options)[1:]


def dump_graph(value: Any) -> tuple[bytes, list[Task[..., Any]]]:
    """Return a value with expressions in it as bytes that need no store, and the tasks they name."""
    table = _Table(None, {})
    table.add(value)
    return table.body(), table.tasks


def load_graph(body: bytes, tasks: Sequence[Task[..., Any]]) -> Any:
    """Return the value that `dump_graph` was given; parts without expressions stay encoded."""
    return decode_expression(body, tasks, is_recorded=True)


def describe_graph(value: Any) -> tuple[list[Any], list[Any], list[ValueRef]]:
    """Return the state by which a value with expressions in it is told: shape, tasks, values."""
    table = _Table(None, {})
    table.add(value)
    return *table.state(), table.parts


def identify_graph(value: Any, store: ValueStore) -> tuple[bytes, set[str]]:
    """Return 20 bytes for a graph with its options, and the classes with instances among its values."""
    table = _Table(store, {})
    table.add(value)
    classes = {name for part in table.parts for name in part.classes}
    return table.token(with_options=True)[1:], classes


def iter_calls(value: Any, *, is_new: bool = False) -> Iterator[TaskExpression]:
    """Yield every call of a task or a special form in a graph, each object once.

    Parameters
    ----------
    is_new
        Look only at what no run has evaluated yet.
    """
    return (e for e in iter_graph(value, is_new=is_new) if isinstance(e, TaskExpression))


def iter_graph(value: Any, *, is_new: bool = False) -> Iterator[Any]:
    """Yield every expression, container and value in a graph, each object once; no plain scalars.

    Parameters
    ----------
    is_new
        Look only at what no run has evaluated yet.
    """
    todo, seen = [value], set()
    containers = nested.LazyContainers()
    while todo:
        item = todo.pop()
        if type(item) in SCALARS or id(item) in seen:
            continue
        seen.add(id(item))
        if is_new and isinstance(item, Expression) and item._run is not None:
            continue
        yield item
        if isinstance(item, TaskExpression):
            todo += [*item._args, *item._kwargs.values()]
        elif isinstance(item, SimpleExpression):
            for operand in item._operands:
                todo += (
                    operand if isinstance(operand, (list, tuple))
                    else operand.values() if isinstance(operand, dict) else [operand]
                )  # fmt: skip
        elif isinstance(item, ValueExpression):
            todo.append(item._value)
        elif type(item) is not ValueRef:
            todo += containers.iter_lazy(item)


def _preview(value: Any) -> str:
    if isinstance(value, Expression):
        return _short_repr(value)[:200]
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_short_repr(v) for v in value[:8])[:200]
        return f"[{shown}, …]" if len(value) > 8 else f"[{shown}]"
    return type(value).__name__ + "(…)"


def pack_expression(body: bytes, tasks: Sequence[StoredTask]) -> bytes:
    """Return the bytes that are recorded: the tasks by name, hash and value, then the table."""
    head = pickle.dumps(tuple(tuple(t) for t in tasks), 5)
    return len(head).to_bytes(4, "little") + head + body


def unpack_expression(
    data: bytes | memoryview,
) -> tuple[bytes | memoryview, tuple[StoredTask, ...]]:
    """Return what `pack_expression` was given."""
    n_head = int.from_bytes(data[:4], "little")
    tasks = tuple(StoredTask(*t) for t in pickle.loads(data[4 : 4 + n_head]))
    return data[4 + n_head :], tasks


def decode_expression(
    body: bytes | memoryview,
    tasks: Sequence[Task[..., Any]],
    store: ValueStore | None = None,
    *,
    is_recorded: bool = False,
) -> Any:
    """Return the value with expressions in it whose table is `body`.

    Values in it that hold no expression stay `ValueRef`s.

    Parameters
    ----------
    is_recorded
        The table may be of an earlier run: a value in it that has a validity, such as a task, counts
        as what it is now.

    Raises
    ------
    UndecodableError
        When a container's class is gone or the bytes are not a table; `InvalidValueError` when a value
        in it no longer holds.
    """
    nodes, stored = pickle.loads(body)
    parts = [ValueRef(*p) for p in stored]
    if is_recorded:
        parts = [_renew(p, store) if p.flags & FLAG_CHECK else p for p in parts]
    built: list[Any] = []
    scalars = SCALARS

    def item(entry: Any) -> Any:
        kind = type(entry)
        if kind in scalars:
            return entry
        return built[entry[0]] if kind is tuple else parts[entry[0]]

    append = built.append
    for node in nodes:
        kind = node[0]
        if kind <= _SPECIAL:
            _, task, args, kwargs, origins = node
            for a in args:
                if type(a) not in scalars:
                    args = [item(a) for a in args]
                    break
            named = {k: item(v) for k, v in kwargs.items()} if kwargs else NO_KEYWORDS
            made = TaskExpression if kind == _TASK else SchedulerExpression
            append(made(tasks[task], args, named, origins))
        elif kind == _SIMPLE:
            if node[1] == "call":
                function, args, named = node[2]
                called = tuple(item(a) for a in args[0])
                keywords = {k: item(v) for k, v in named.items()}
                append(SimpleExpression("call", (item(function), called, keywords)))
            else:
                append(SimpleExpression(node[1], tuple([item(a) for a in node[2]])))
        elif kind == _VALUE:
            append(ValueExpression(item(node[1])))
        elif kind == _LIST:
            append([item(a) for a in node[1]])
        elif kind == _TUPLE:
            append(tuple([item(a) for a in node[1]]))
        elif kind == _DICT:
            keys = [_as_key(item(k), store) for k in node[1]]
            append(dict(zip(keys, [item(v) for v in node[2]])))
        elif kind == _OTHER:
            holes = [item(a) for a in node[2]]
            skeleton = _decode_part(parts[node[1]], store)
            append(nested.map_leaves(skeleton, partial(_fill, holes=holes)))
        else:
            raise UndecodableError(f"a recorded expression holds a node of unknown kind {kind!r}")
    return built[-1]


def _as_key(value: Any, store: ValueStore | None) -> Any:
    return _decode_part(value, store) if isinstance(value, ValueRef) else value


def _renew(ref: ValueRef, store: ValueStore | None) -> ValueRef:
    """Return a recorded value as it is in the running program."""
    value = _decode_part(ref, store)
    walk = hashing.Walk()
    walk.run(value)
    if not all(ask(part) for part, ask in walk.checked):
        raise InvalidValueError(f"{format_preview(value)} is no longer valid")
    return serialize.encode_inline(value) if store is None else serialize.encode(value, store)


def _decode_part(ref: ValueRef, store: ValueStore | None) -> Any:
    return serialize.decode_inline(ref) if store is None else serialize.decode(ref, store)


def _fill(leaf: Any, holes: Sequence[Any]) -> Any:
    return holes[leaf.number] if isinstance(leaf, Hole) else leaf
