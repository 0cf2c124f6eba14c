"""What is told about a name of redun's that cannot be imported here.

Decided here: which of redun's names come later, which are left out, and what stands in for them. No
state. Nothing is imported for it: it is asked when a workflow's import has failed already.

>>> explain_name("redunlite.file")
'redunlite.file comes with a later version'
>>> explain_name("redunlite.errors.SchedulerEror")
"did you mean 'SchedulerError'?"
"""

from __future__ import annotations

import re
import sys

from redunlite.errors import find_nearest

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
    "logging": "is left out: lines go to standard error, and what a task logs is kept with its job",
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
    "config.create_config_section": "is left out: Config takes dicts",
}
"""By module and name, without the package's."""


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
