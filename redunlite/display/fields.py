"""The fields of machine-readable output, and what each of them says.

Kept like a file format: fields are added, never renamed or dropped. Decided here: names, order and
meanings; the docs are written from this table, the columns of CSV are these, and a test compares it
with what the commands print. Not here: where the values come from (`as_json`). No state.

>>> get_columns("call node")[:3]
('kind', 'status', 'task')
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """One field of a record."""

    name: str
    meaning: str
    of: str = ""
    """Kind of the record, or of each record of the list, that the field holds."""
    is_optional: bool = False
    """Whether it may be missing."""
    is_detail: bool = False
    """Whether it is on the record's own page only, and not in lists."""


def _detail(name: str, meaning: str, of: str = "") -> Field:
    return Field(name, meaning, of, is_detail=True)


_PREVIEW = Field("preview", "the value as text, cut when long")
_VALUE_HASH = Field("value_hash", "id of the value, 40 hex digits")
_TYPE = Field("type", "class of the value, with its module")
_VALUE = Field(
    "value",
    "the value itself; only where JSON can hold it and it is small and plain",
    is_optional=True,
)
_TASK_FIELDS = (
    Field("task", "full name of the task"),
    Field("task_hash", "id of the task's version, 40 hex digits"),
)
_CALL_RESULT = (
    _detail(
        "result", "what the call returned; null when it failed or is not over", "value of a call"
    ),
    _detail("raised", "what the call raised; null when it did not", "error"),
)
_DATAFLOW = _detail("dataflow", "where the result came from; null when not known", "dataflow")

FIELDS: dict[str, tuple[Field, ...]] = {
    "execution": (
        Field("kind", "`execution`"),
        Field("id", "UUID"),
        Field("status", "RUNNING, DONE, FAILED or CANCELLED"),
        Field("start_time", "when it began"),
        Field("end_time", "when it ended; null while it runs"),
        Field("duration_s", "seconds from start to end; null while it runs"),
        Field("argv", "the words after the program's name, a list; empty for a run through Python"),
        Field("root_task", "full name of the task that was asked for; null when there is none"),
        Field("error", "last line of the traceback, or `interrupted`; null when it did not fail"),
        Field("user", "who ran it"),
        Field("host", "on which machine"),
        Field("cwd", "in which folder"),
        Field("python", "version of Python"),
        Field("git_commit", "commit that was checked out; null outside a repository"),
        Field("git_dirty", "whether files differed from the commit; null when not known"),
        Field("tags", "its tags", "tag of a record"),
        _detail("versions", "of the installed packages that were loaded, an object by name"),
        _detail("failed_job", "UUID of the job that raised `error`; null when no job did"),
        _detail("counts", "jobs of each task", "count"),
        _detail("n_jobs", "number of jobs"),
        _detail("n_shown", "number of jobs in `jobs`; `--all` gives all of them"),
        _detail("jobs", "the job tree, a parent before its children", "job of a tree"),
    ),
    "tag of a record": (
        Field("key", "name of the tag"),
        Field("value", "plain data; null for a key alone"),
    ),
    "tag": (
        Field("kind", "`tag`"),
        Field("key", "name of the tag"),
        Field("value", "plain data; null in a list of keys"),
        Field("entity", "execution, job, task, call or value"),
        Field("id", "of the record; null in a list of keys"),
        Field("n", "number of records of that kind"),
    ),
    "task of a file": (
        Field("kind", "`task of a file`"),
        *_TASK_FIELDS,
        Field("summary", "first line of its docstring"),
        Field("signature", "its parameters and what it returns, as in the `def`"),
        Field("file", "where its function is"),
        Field("line", "line of the `def`"),
        Field("parameters", "what its options are", "parameter"),
    ),
    "parameter": (
        Field("name", "name of the parameter"),
        Field("flag", "option at the command line"),
        Field("is_required", "whether a value must be given"),
        Field("told", "type, meaning and default, as help has them"),
    ),
    "fact": (
        Field("kind", "`fact`"),
        Field("group", "versions, paths, settings or environment"),
        Field("name", "what it is"),
        Field("value", "plain data; null when there is none"),
        Field("origin", "where it comes from, or more about it"),
    ),
    "count": (
        Field("task", "full name of the task"),
        Field("running", "jobs that run"),
        Field("failed", "jobs that failed"),
        Field("cached", "jobs answered by an earlier evaluation"),
        Field("done", "jobs that ran and returned"),
        Field("cancelled", "jobs that were ready and did not run, or were ended"),
        Field("total", "jobs in any state"),
    ),
    "job": (
        Field("kind", "`job`"),
        Field("id", "UUID"),
        Field("execution_id", "UUID of its execution"),
        Field("parent_id", "UUID of the job that called it; null for the root"),
        Field("status", "RUNNING, DONE, CACHED, FAILED or CANCELLED"),
        *_TASK_FIELDS,
        Field("start_time", "when the function was entered, or the answer found"),
        Field("duration_s", "seconds until the final value was known; null when it is not"),
        Field("cpu_s", "seconds of CPU; null when nothing ran"),
        Field("peak_bytes", "greatest resident memory of its worker; null when nothing ran"),
        Field("error", "last lines of the traceback; null when it did not fail"),
        Field("arguments", "the bound arguments", "argument"),
        Field("tags", "its tags", "tag of a record"),
        _detail("call_hash", "id of the call node; null while it is open"),
        _detail("eval_hash", "hash of the task and its arguments, the key of the cache"),
        *_CALL_RESULT,
        _detail("output", "what it wrote to stdout and stderr; null for nothing", "output"),
        _DATAFLOW,
    ),
    "job of a tree": (),
    "argument": (
        Field("name", "name of the parameter"),
        Field("place", "0, 1, … in the order of binding"),
        _PREVIEW,
        _VALUE_HASH,
        _TYPE,
        _VALUE,
        _detail("origin", "where the value came from; null for one written in the code", "origin"),
    ),
    "origin": (
        Field("kind", "`argument` of the parent call, `result` of a call, or `many`"),
        Field("place", "of `argument`: 0, 1, …", is_optional=True),
        Field("name", "of `argument`: name of the parameter", is_optional=True),
        Field("task", "of `result`: full name of the task", is_optional=True),
        Field("call_hash", "of `argument` and `result`: id of the call node", is_optional=True),
        Field("n_members", "of `many`: number of origins", is_optional=True),
        Field("members", "of `many`: the first 100,000 of them", "origin", is_optional=True),
    ),
    "value of a call": (_PREVIEW, _VALUE_HASH, _TYPE, _VALUE),
    "error": (
        _PREVIEW,
        _VALUE_HASH,
        _TYPE,
        _VALUE,
        Field("summary", "last lines of the traceback"),
        Field("frames", "the user's own frames, outermost first", "frame"),
    ),
    "frame": (
        Field("file", "path"),
        Field("line", "line number"),
        Field("name", "function"),
        Field("text", "the line's text"),
    ),
    "output": (
        Field("n_bytes", "bytes written in all"),
        Field("head", "the first 64 KiB"),
        Field("tail", "the last 64 KiB; empty when `head` is all"),
    ),
    "call node": (
        Field("kind", "`call_node`"),
        Field("status", "RUNNING, DONE or FAILED"),
        *_TASK_FIELDS,
        Field("call_hash", "id of the call node; null while it is open"),
        Field("eval_hash", "hash of the task and its arguments, the key of the cache"),
        Field("arguments", "the bound arguments", "argument"),
        Field(
            "result",
            "what the call returned; null when it failed or is not over",
            "value of a call",
        ),
        Field("raised", "what the call raised; null when it did not", "error"),
        Field("jobs", "UUIDs of the first jobs that it answered"),
        _DATAFLOW,
    ),
    "task": (
        Field("kind", "`task`"),
        Field("hash", "id of this version, 40 hex digits"),
        Field("name", "name without namespace"),
        Field("namespace", "namespace; may be empty"),
        Field("fullname", "name with namespace"),
        Field("version", "the option `version`; null when not set"),
        Field("source", "its source without decorators; null when it could not be read"),
        Field("file", "path, relative to the project when inside it"),
        Field("line", "line number of the `def`"),
        Field("params", "names of the parameters"),
        Field("first_job", "UUID of the first job that used it; null when there is none"),
    ),
    "value": (
        Field("kind", "`value`"),
        _PREVIEW,
        _VALUE_HASH,
        _TYPE,
        _VALUE,
        Field("size", "encoded bytes; 0 for a small plain value"),
        Field("made_by", "who returned it; null when no call did", "maker"),
        _DATAFLOW,
    ),
    "maker": (
        *_TASK_FIELDS,
        Field("call_hash", "id of the call node"),
        Field("job_id", "UUID of the first job of the call"),
        Field("execution_id", "UUID of its execution"),
    ),
    "dataflow": (
        Field("name", "what is explained: `result` or `value`"),
        Field("value", "its value", "value of a call"),
        Field("sections", "one for each variable", "section"),
    ),
    "section": (
        Field("name", "the variable; empty for a fold"),
        Field("steps", "the arrows", "step"),
        Field("variables", "arguments of the last call, or what it was made from", "variable"),
        Field("n_more", "values that it was made from and that are not listed"),
        Field("n_folded", "of a fold: calls that are left out"),
        Field("folded_task", "of a fold: the task of those calls; else null"),
    ),
    "step": (
        Field("kind", "`argument`, `result`, `origin`, `derives` or `variable`"),
        Field("call_hash", "id of the call node; null without a call"),
        Field("task", "short name of the task, or the variable that explains it; may be null"),
        Field("params", "names of the call's arguments"),
        Field("n_left_out", "calls passed through before this one"),
    ),
    "variable": (Field("name", "the variable"), _PREVIEW, _VALUE_HASH, _TYPE, _VALUE),
}
"""Fields of each kind of record, in the order in which they are printed."""

FIELDS["job of a tree"] = (
    Field("depth", "0 for the root, 1 for its children, …"),
    *(field for field in FIELDS["job"] if not field.is_detail),
)


def get_columns(kind: str) -> tuple[str, ...]:
    """Return the columns of a CSV list of records of a kind."""
    return tuple(field.name for field in FIELDS[kind] if not field.is_detail)
