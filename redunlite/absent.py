"""What is told about a name of redun's that cannot be imported here, or is no attribute here.

Decided here: which of redun's names come later, which are left out, and what stands in for them. No
state. Nothing is imported for it: it is asked when an import or a look at an attribute has failed already.

>>> explain_name("redunlite.file")
'redunlite.file comes with a later version'
>>> explain_name("redunlite.errors.SchedulerEror")
"did you mean 'SchedulerError'?"
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import NoReturn, TypeVar

from redunlite.errors import find_nearest

T = TypeVar("T", bound=type)

_PACKAGE = "redunlite"
_LATER = "comes with a later version"
_ONE_MACHINE = (
    "is left out: this is for the CPUs of one machine; executors are process, thread and inline"
)
_WITHIN = "is left out: it is a part of redun's own works"

_ABSENT = {
    "file": _LATER,
    "handle": _LATER,
    "scripting": _LATER,
    "tools": _LATER,
    "File": _LATER,
    "Dir": _LATER,
    "Handle": _LATER,
    "script": _LATER,
    "merge_handles": _LATER,
    "scheduler.merge_handles": _LATER,
    "scheduler.subrun": _LATER,
    "value.FileCache": "comes with files, in a later version",
    "ShardedS3Dataset": _ONE_MACHINE,
    "AWSBatchExecutor": _ONE_MACHINE,
    "AWSGlueExecutor": _ONE_MACHINE,
    "DockerExecutor": _ONE_MACHINE,
    "K8SExecutor": _ONE_MACHINE,
    "GCPBatchExecutor": _ONE_MACHINE,
    "executors.aws_batch": _ONE_MACHINE,
    "executors.aws_glue": _ONE_MACHINE,
    "executors.docker": _ONE_MACHINE,
    "executors.k8s": _ONE_MACHINE,
    "executors.gcp_batch": _ONE_MACHINE,
    "federated_tasks": _ONE_MACHINE,
    "glue": _ONE_MACHINE,
    "sphinx": "is left out",
    "AliasExecutor": "is left out: write 'type = alias' and 'target = NAME' in the configuration",
    "executors.alias": "is left out: write 'type = alias' and 'target = NAME' in the configuration",
    "register_executor": "is left out: give an executor of your own to Scheduler.add_executor",
    "executors.base.register_executor": (
        "is left out: give an executor of your own to Scheduler.add_executor"
    ),
    "scheduler_config": "is left out: 'redunlite info' tells where settings come from",
    "backends": "is left out: redunlite.load gives recorded values, 'redunlite log' the rest",
    "bcoding": _WITHIN,
    "job_array": _WITHIN,
    "task.CacheResult": _WITHIN,
    "scheduler.CacheResult": _WITHIN,
    "scheduler.Execution": _WITHIN,
    "scheduler.Traceback": "is left out: a failed job is told by 'redunlite log'",
    "scheduler.root_task": _WITHIN,
    "scheduler.set_arg_defaults": _WITHIN,
    "scheduler.get_arg_defaults": _WITHIN,
    "scheduler.format_task_call": _WITHIN,
    "expression.ApplyExpression": _WITHIN,
    "expression.derive_expression": _WITHIN,
    "expression.get_lazy_operation": _WITHIN,
    "value.MetaValue": "is left out: a subclass of Value needs no metaclass",
    "value.Function": "is left out: functions are values",
}
"""By module and name, without the package's."""


_SHOWN = "is left out: the run shows the state of its jobs"
_RECORDED = "is left out: redunlite.load gives recorded values, 'redunlite log' the rest"
_ENGINE = "is left out: the engine has no public inner methods; {}"
_INFO = "is left out: a parameter whose default is JobInfo() is told {}"
_ATTRIBUTES = {
    "Scheduler.backend": _RECORDED,
    "Scheduler.executors": "is left out: scheduler.config.executors are the configured ones",
    "Scheduler.limits": "is left out: scheduler.config.limits are the configured ones",
    "Scheduler.task_registry": "is left out: redunlite.get_task_registry() returns it",
    "Scheduler.type_registry": "is left out: redunlite.value.get_type_registry() returns it",
    "Scheduler.extend_run": _ENGINE.format("run takes any expression"),
    "Scheduler.evaluate": _ENGINE.format("a scheduler task is given one that has evaluate"),
    "Scheduler.evaluate_async": _ENGINE.format("an async task awaits expressions"),
    "Scheduler.done_job": _ENGINE.format("an executor delivers outcomes to its host"),
    "Scheduler.reject_job": _ENGINE.format("an executor delivers outcomes to its host"),
    "Scheduler.add_job_tags": _ENGINE.format("apply_tags tags a job"),
    "Scheduler.set_cache": _ENGINE.format("results are recorded as they come"),
    "Scheduler.clear": _ENGINE.format("close() ends it"),
    "Scheduler.run": "is left out here: evaluate gives the promise of an expression's value",
    "Scheduler.get_job_status_report": _SHOWN,
    "Scheduler.log_job_statuses": _SHOWN,
    "Scheduler.job_status_interval": _SHOWN,
    "Scheduler.ignore_warnings": "is left out: there are no warnings to leave out",
    "Scheduler.is_running": "is left out: get_current_scheduler(required=False) tells",
    "Scheduler.use_cache": "is left out: run takes cache=",
    "Scheduler.dryrun": "is left out: run takes dryrun=",
    "Task.recompute_hash": "is left out: the hash follows the code by itself",
    "Task.is_valid": "is left out: a task is valid as long as its code is the present one",
    "Job.id": _INFO.format("job_id"),
    "Job.execution": _INFO.format("execution_id"),
    "Job.args_hash": _INFO.format("args_hash"),
    "Job.args": "is left out: a scheduler task is given the arguments of its own call",
    "Job.expr": "is left out: a scheduler task is given its own call as sexpr",
    "Job.child_jobs": "is left out: 'redunlite log JOB' shows them",
    "Job.status": _SHOWN,
    "Job.get_export_options": "is left out: get_options has those that are exported, too",
    "Job.get_raw_options": "is left out: get_options has them, evaluated",
}
"""By class, or the name by which users know it, and attribute."""


def explain_attribute(owner: str, name: str, names: Iterable[str]) -> str:
    """Return what to say about an attribute that is not there.

    Parameters
    ----------
    owner
        The class, as users know it.
    names
        The attributes there are.
    """
    message = f"{owner!r} object has no attribute {name!r}"
    if name.startswith("_"):  # asked for by Python itself, often
        return message
    reason = _ATTRIBUTES.get(f"{owner}.{name}")
    if reason is not None:
        return f"{message}: {owner}.{name} {reason}"
    nearest = find_nearest(name, (n for n in names if n[:1] != "_"))
    return f"{message}; did you mean {nearest!r}?" if nearest else message


class _AbsentAttribute:
    """An attribute that tells why it is not there."""

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> NoReturn:
        raise AttributeError(explain_attribute(self._owner, self._name, ()))


def explain_absent(cls: T) -> T:
    """Let the attributes of redun's class of that name say what to write here.

    A class decorator, for classes that are too much in use for a `__getattr__`: with one, every look
    at an attribute takes longer (a recorded call 10 %, Python 3.11).
    """
    owner = cls.__name__
    for full_name in _ATTRIBUTES:
        home, _, name = full_name.partition(".")
        if home == owner and not hasattr(cls, name):
            attribute = _AbsentAttribute(owner)
            attribute.__set_name__(cls, name)
            setattr(cls, name, attribute)
    return cls


def explain_import(error: ImportError) -> str:
    """Return what to do about an import from redunlite that failed; empty for other imports."""
    module = error.name or ""
    if module.partition(".")[0] != _PACKAGE:
        return ""
    if isinstance(error, ModuleNotFoundError):
        return explain_name(module)
    # `name_from` is younger than Python 3.10.
    named = re.match(r"cannot import name '(\w+)'", str(error))
    return explain_name(f"{module}.{named[1]}") if named else ""


def explain_name(full_name: str) -> str:
    """Return what to do about a module, or a name in one, that is not there."""
    parts = full_name.split(".")[1:]
    for n in range(1, len(parts) + 1):
        reason = _ABSENT.get(".".join(parts[:n]))
        if reason is not None:
            return f"{'.'.join([_PACKAGE, *parts[:n]])} {reason}"
    home, _, name = full_name.rpartition(".")
    module = sys.modules.get(home)
    names = [n for n in dir(module) if n[:1] != "_"] if module is not None else []
    nearest = find_nearest(name, names)
    return f"did you mean {nearest!r}?" if nearest else ""
