"""redunlite: a workflow engine for one machine's CPUs, with caching and provenance.

>>> from redunlite import task
>>> @task(namespace="docs")
... def hello(name: str) -> str:
...     return f"Hello, {name}!"
>>> hello("World")
docs.hello('World')

Engine names are loaded on first use, so that a worker never imports the database.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
version = __version__

if TYPE_CHECKING:
    from redunlite.context import get_context
    from redunlite.control import apply_tags, catch, cond, throw
    from redunlite.executors.local import LocalExecutor
    from redunlite.namespace import get_current_namespace, namespace
    from redunlite.scheduler import Scheduler, get_current_scheduler, set_current_scheduler
    from redunlite.session import load, run
    from redunlite.task import PartialTask, Task, get_task_registry, task

_HOMES = {
    "LocalExecutor": "executors.local",
    "PartialTask": "task",
    "Scheduler": "scheduler",
    "Task": "task",
    "apply_tags": "control",
    "catch": "control",
    "cond": "control",
    "get_context": "context",
    "get_current_namespace": "namespace",
    "get_current_scheduler": "scheduler",
    "get_task_registry": "task",
    "load": "session",
    "namespace": "namespace",
    "run": "session",
    "set_current_scheduler": "scheduler",
    "task": "task",
    "throw": "control",
}

__all__ = [
    "LocalExecutor",
    "PartialTask",
    "Scheduler",
    "Task",
    "__version__",
    "apply_tags",
    "catch",
    "cond",
    "get_context",
    "get_current_namespace",
    "get_current_scheduler",
    "get_task_registry",
    "load",
    "namespace",
    "run",
    "set_current_scheduler",
    "task",
    "throw",
    "version",
]


class _Package(types.ModuleType):
    """This package, in which `task` and `namespace` are the functions, not the modules.

    Importing a sub-module sets an attribute of its name on the package, at any time and after the
    module ran; where a public function has that name, the function is set instead.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType) and _HOMES.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


if not TYPE_CHECKING:  # so that a checker reports a name that is not there

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'redunlite' has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(f"redunlite.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
