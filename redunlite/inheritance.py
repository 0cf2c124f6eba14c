"""What a job hands down to the calls below it: exported options and context variables.

Decided here: which options are in force for a job, and what its children inherit. Not here: when
options that are expressions are evaluated (`engine`). No state: everything is kept in the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redunlite import hashing
from redunlite.errors import HiddenExpressionError, UnhashableValueError
from redunlite.job import Inherited, Job
from redunlite.nested import merge_dicts
from redunlite.options import CONTEXT_OPTION, combine_options

EMPTY: Mapping[str, Any] = {}
NOTHING_INHERITED = Inherited(EMPTY, EMPTY)


def settle_options(job: Job, base: Mapping[str, Any], call: Mapping[str, Any]) -> None:
    """Give a job the options in force, and what it hands down.

    Parameters
    ----------
    base, call
        The decorator's options and those of the call, evaluated.
    """
    handed = job.inherited or NOTHING_INHERITED
    options, exported = combine_options(base, call, handed.options)
    override = options.pop(CONTEXT_OPTION, None)
    context, key = handed.context, handed.context_key
    if override:
        context = merge_dicts(context, override)
        key = hashing.digest(b"context", _hash_context(job, context))
    job.options = options
    if exported or override:
        job.inherited = Inherited(context, exported, key, handed.is_read)


def _hash_context(job: Job, context: Mapping[str, Any]) -> bytes:
    try:
        return hashing.token(context)
    except (UnhashableValueError, HiddenExpressionError):
        pass
    for name, value in context.items():
        place = f"context variable {name!r} of a call of task {job.task.fullname!r}"
        hashing.token(value, name=place)
    return hashing.token(context)


def hand_down(inherited: Inherited) -> Inherited | None:
    """Return what a child inherits of a job with `inherited`: whether that has read is its own."""
    if not inherited.is_read:
        return inherited
    if not (inherited.context or inherited.options):
        return None
    return inherited._replace(is_read=False)


def context_of(job: Job | None) -> Mapping[str, Any]:
    """Return the context variables in force for a job."""
    return EMPTY if job is None or job.inherited is None else job.inherited.context


def note_context_read(job: Job) -> None:
    """Remember that what a job comes to may depend on the context."""
    if not reads_context(job):
        job.inherited = (job.inherited or NOTHING_INHERITED)._replace(is_read=True)


def reads_context(job: Job) -> bool:
    """Tell whether what a job comes to may depend on the context."""
    return job.inherited is not None and job.inherited.is_read


def is_unrecorded(job: Job) -> bool:
    """Tell whether a job is below one with ``prov=False``, or is one."""
    return job.inherited is not None and job.inherited.options.get("prov") is False
