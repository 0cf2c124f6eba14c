"""The schema: one Peewee model a table, a docstring for each table, a comment for each column.

Kept for ever: a change here comes with a new `SCHEMA_VERSION`, a migration and a golden file.

Row ids are ``execution number << 32 | serial``, so several runs append side by side and the rows of
one execution are one range. Three tables (task, task_component, execution) are small and count on.

Two kinds of column hold different things by their storage class:

* a *value* is a BLOB when it holds the token of a small plain value (`hashing.decode_token` gives
  it back), and an INTEGER when it is the row id of a row in `value`.
* an *origin* tells where a value came from: NULL nowhere (a literal); ``0 … 65535`` the argument of
  the parent call at that place; ``>= 1 << 32`` the result of the call with that row id; negative
  ``-1 - n``: all members of the interned set with row id ``n``.

Times are integer microseconds since the epoch, UTC.
"""

from __future__ import annotations

import peewee as pw

# The names are re-exported: `codes` holds the numbers apart from Peewee, which takes 50 ms to import.
from redunlite.recorder.codes import (
    CALL_ERROR,
    CALL_OK,
    CALL_OPEN,
    CANCELLED,
    DONE,
    FAILED,
    KIND_CSE,
    KIND_RUN,
    KIND_SINGLE,
    KIND_ULTIMATE,
    RUNNING,
    SCHEMA_VERSION,
    SERIAL_BITS,
)


class AnyField(pw.Field):
    """A column that keeps what it is given: an integer, bytes or NULL."""

    field_type = "BLOB"


class Table(pw.Model):
    """Base of all tables; bound to a database when one is opened."""

    class Meta:
        legacy_table_names = False


class Execution(Table):
    """One run of a workflow."""

    id = pw.AutoField()  # the execution number
    uuid = pw.BlobField(unique=True)  # 16 bytes; shown as a UUID
    status = pw.IntegerField()  # RUNNING DONE FAILED CANCELLED
    start_time = pw.BigIntegerField()
    end_time = pw.BigIntegerField(null=True)
    argv = pw.TextField()  # JSON list, the words after the program's name
    root_task = pw.TextField(null=True)  # full name of the task at the root
    root_job = pw.BigIntegerField(null=True)  # job id
    error = pw.TextField(null=True)  # last traceback line, or "interrupted"
    user = pw.TextField(null=True)
    host = pw.TextField(null=True)
    cwd = pw.TextField(null=True)
    pid = pw.IntegerField(null=True)
    python = pw.TextField(null=True)  # such as 3.11.7
    versions = pw.TextField(null=True)  # JSON object, distribution name to version
    git_commit = pw.TextField(null=True)
    git_dirty = pw.IntegerField(null=True)  # 1 when the work tree had changes
    context = pw.TextField(null=True)  # JSON
    lease = pw.TextField(null=True)  # name of the lock file that a live run holds
    n_calls = pw.IntegerField(default=0)  # calls written so far; their serials are 1..n_calls
    n_indexed = pw.IntegerField(default=0)  # calls with serials up to this are in call_index


class Task(Table):
    """One version of the code of one task."""

    id = pw.AutoField()
    hash = pw.BlobField(unique=True)  # 20 bytes
    name = pw.TextField(index=True)  # without namespace
    namespace = pw.TextField()
    version = pw.TextField(null=True)  # the `version` option
    source = pw.TextField(null=True)  # own source without decorators; NULL: not retrievable
    file = pw.TextField(null=True)  # relative to the project when inside it
    line = pw.IntegerField(null=True)  # of the `def`
    params = pw.TextField()  # JSON list of [name, kind]; kinds as in `inspect.Parameter.kind`
    first_job = pw.BigIntegerField(null=True)  # job id of the first use


class TaskComponent(Table):
    """One function, class, constant or package in the fingerprint of tasks; each version once."""

    id = pw.AutoField()
    hash = pw.BlobField(unique=True)  # over kind, name and normal form; 20 bytes
    kind = pw.TextField()  # function class constant package code version include
    name = pw.TextField()  # as it was reached, qualified by its module
    source = pw.TextField(null=True)
    file = pw.TextField(null=True)
    line = pw.IntegerField(null=True)


class TaskPart(Table):
    """Which components make up a task."""

    task = pw.IntegerField()
    ordinal = pw.IntegerField()
    component = pw.IntegerField()

    class Meta:
        primary_key = pw.CompositeKey("task", "ordinal")
        without_rowid = True


class Job(Table):
    """One call in one run, whether it ran or was answered from the cache."""

    id = pw.BigIntegerField(primary_key=True)  # execution << 32 | serial
    salt = pw.BlobField()  # 8 bytes, half of the job's UUID; the first 4 differ within a run
    parent = pw.BigIntegerField(null=True)  # job id
    call = pw.BigIntegerField(null=True)  # call id; NULL before one is known
    task = pw.IntegerField()
    kind = pw.IntegerField()  # KIND_*
    status = pw.IntegerField()  # RUNNING DONE FAILED CANCELLED
    start_time = pw.BigIntegerField()  # when the function was entered, or the answer found
    duration_us = pw.IntegerField(null=True)  # until the final value was known
    cpu_us = pw.IntegerField(null=True)  # NULL when nothing ran
    peak_bytes = pw.BigIntegerField(null=True)
    output = AnyField(null=True)  # row id of a value of format "o": captured output


class Call(Table):
    """A call node: one task with one set of arguments, its result and where things came from."""

    id = pw.BigIntegerField(primary_key=True)
    task = pw.IntegerField()
    eval_hash = pw.BlobField()  # 20 bytes
    call_hash = pw.BlobField(null=True)  # 20 bytes; NULL while CALL_OPEN
    status = pw.IntegerField()  # CALL_OPEN CALL_OK CALL_ERROR
    result = AnyField(null=True)  # final value
    single = AnyField(null=True)  # what the function returned; NULL: the same as `result`, or with
    # `tasks` that are not NULL, what an earlier row of this eval hash says
    result_origin = pw.BigIntegerField(null=True)  # origin of the final value
    upstream = pw.BlobField(null=True)  # 8 bytes of digest over the arguments' origins
    tasks = pw.BigIntegerField(null=True)  # set of task ids below; NULL: only its own
    files = pw.BigIntegerField(null=True)  # set of value ids of files that entered from outside
    context = AnyField(null=True)  # value: the context variables it depends on
    awaits = pw.BigIntegerField(
        null=True
    )  # NULL: `single` of an async call holds its awaits, in order
    flags = pw.IntegerField(default=0)  # kinds.FLAG_CHECK of the single or the final value
    check = pw.BlobField(null=True, column_name="check_digest")  # 8 bytes, see recorder/cache.py


class CallIndex(Table):
    """Where to find a call by its `eval_hash`; filled in sorted chunks, see recorder/cache.py."""

    key = pw.BigIntegerField()  # first 8 bytes of eval_hash, as a signed big-endian integer
    call = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("key", "call")
        without_rowid = True


class Argument(Table):
    """One bound argument of a call."""

    call = pw.BigIntegerField()
    place = pw.IntegerField()  # 0, 1, … in the order of binding
    name = pw.TextField(null=True)  # NULL: the task's parameter at that place
    value = AnyField()
    origin = pw.BigIntegerField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("call", "place")
        without_rowid = True


class Value(Table):
    """A recorded value that is too large, or not plain enough, to live in another row."""

    id = pw.BigIntegerField(primary_key=True)
    hash = pw.BlobField()  # 20 bytes
    type = pw.TextField()  # module and qualified name of its class
    format = pw.TextField()  # kinds.FORMAT_*, or "o" for captured output
    size = pw.IntegerField()  # encoded bytes
    data = pw.BlobField(null=True)  # NULL: in the value store, under `hash`
    checksum = pw.BlobField()  # first 8 bytes of sha256 over the encoded bytes
    preview = pw.TextField(null=True)
    flags = pw.IntegerField(default=0)  # kinds.FLAG_*
    classes = pw.TextField(null=True)  # JSON list of class names with instances inside
    detail = pw.TextField(null=True)  # of an error: JSON {"summary", "frames"}; of output: n_bytes


class Subvalue(Table):
    """Which recorded values are parts of another one."""

    value = pw.BigIntegerField()
    ordinal = pw.IntegerField()
    part = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("value", "ordinal")
        without_rowid = True


class Set(Table):
    """An interned set of row ids or origins."""

    id = pw.BigIntegerField(primary_key=True)
    n_members = pw.IntegerField()


class SetMember(Table):
    """A member of an interned set."""

    set = pw.BigIntegerField()
    ordinal = pw.IntegerField()
    member = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("set", "ordinal")
        without_rowid = True


class File(Table):
    """A file that a value names, as it was."""

    value = pw.BigIntegerField(primary_key=True)  # value id
    path = pw.TextField(index=True)  # relative to the project when inside it
    digest = pw.BlobField(null=True)  # of the content; NULL: the file did not exist
    size = pw.BigIntegerField(null=True)
    mtime_ns = pw.BigIntegerField(null=True)
    ctime_ns = pw.BigIntegerField(null=True)
    inode = pw.BigIntegerField(null=True)
    hash_time = pw.BigIntegerField(null=True)  # when the digest was made


class Handle(Table):
    """One state of a handle."""

    id = pw.BigIntegerField(primary_key=True)
    hash = pw.BlobField()
    fullname = pw.TextField(index=True)
    key = pw.TextField()
    value = pw.BigIntegerField(null=True)  # value id
    is_valid = pw.IntegerField()


class HandleEdge(Table):
    """A handle's state came from another one."""

    parent = pw.BigIntegerField()
    child = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("parent", "child")
        without_rowid = True


class Tag(Table):
    """A key and a value on an execution, job, call, task or value."""

    id = pw.AutoField()
    entity = pw.TextField()  # execution job call task value
    entity_id = pw.BigIntegerField(index=True)  # row id; of a value the first 8 bytes of its hash
    key = pw.TextField(index=True)
    value = pw.TextField()  # JSON
    is_current = pw.IntegerField(default=1)


class TagEdit(Table):
    """A tag took the place of another one."""

    parent = pw.IntegerField()
    child = pw.IntegerField()
    time = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("parent", "child")
        without_rowid = True


class Counter(Table):
    """Jobs of one task in one execution, counted as they are written."""

    execution = pw.IntegerField()
    task = pw.IntegerField()
    n_running = pw.IntegerField(default=0)
    n_failed = pw.IntegerField(default=0)
    n_cached = pw.IntegerField(default=0)
    n_done = pw.IntegerField(default=0)  # ran, and are not among the cached
    n_cancelled = pw.IntegerField(default=0)
    duration_us = pw.BigIntegerField(default=0)  # sum over the jobs that ran

    class Meta:
        primary_key = pw.CompositeKey("execution", "task")
        without_rowid = True


TABLES: tuple[type[Table], ...] = (
    Execution, Task, TaskComponent, TaskPart, Job, Call, CallIndex, Argument, Value, Subvalue,
    Set, SetMember, File, Handle, HandleEdge, Tag, TagEdit, Counter,
)  # fmt: skip

__all__ = [
    "CALL_ERROR", "CALL_OK", "CALL_OPEN", "CANCELLED", "DONE", "FAILED", "KIND_CSE", "KIND_RUN",
    "KIND_SINGLE", "KIND_ULTIMATE", "RUNNING", "SCHEMA_VERSION", "SERIAL_BITS", "TABLES", "Table",
]  # fmt: skip
