"""An executor of the user's own for this machine, under the name that redun has for it.

>>> LocalExecutor("second", mode="process").name
'second'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redunlite.config import count_cpus
from redunlite.executors.base import Executor

_MODES = ("thread", "process")
_WORKERS = ("max_workers", "workers")


class LocalExecutor:
    """Makes an executor with threads or processes, for `Scheduler.add_executor`.

    Parameters
    ----------
    name
        What tasks call it.
    scheduler
        Taken for those who come from redun; an executor meets its scheduler when that runs.
    config
        ``mode`` and ``max_workers``; default one worker per CPU.
    mode
        ``thread`` or ``process``.

    Raises
    ------
    ValueError
        For another mode.
    """

    def __new__(  # type: ignore[misc]
        cls,
        name: str,
        scheduler: Any = None,
        config: Mapping[str, Any] | None = None,
        mode: str = "thread",
    ) -> Executor:
        """Return the executor, which is one of `executors.thread` or `executors.process`."""
        settings = config or {}
        mode = settings.get("mode", mode)
        if mode not in _MODES:
            raise ValueError(f"mode is {mode!r}, expected {' or '.join(_MODES)}")
        given = [int(settings[key]) for key in _WORKERS if key in settings]
        n_workers = given[0] if given else count_cpus()
        if mode == "process":
            from redunlite.executors.process import ProcessExecutor

            return ProcessExecutor(name, n_workers)
        from redunlite.executors.thread import ThreadExecutor

        return ThreadExecutor(name, n_workers)
