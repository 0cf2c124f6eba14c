"""The logger of workflows: `logger`, whose lines look like those of a run.

Decided here: where its lines go and what they look like. Not here: the lines of the run itself, which
are the reporter's (`display.live`). State: the handler, on the logger called ``redunlite``.

>>> logger.name, logger.isEnabledFor(log_levels["INFO"])
('redunlite', True)
"""

from __future__ import annotations

import logging
import sys

__all__ = ["log_formatter", "log_handler", "log_levels", "logger"]


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is standard error when a line comes: that of a job, or of the run."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        """Standard error as it is now."""
        return sys.stderr


log_formatter = logging.Formatter("[redunlite] %(message)s")
log_handler = _Handler()
log_handler.setFormatter(log_formatter)

logger = logging.getLogger("redunlite")
logger.setLevel(logging.INFO)
logger.addHandler(log_handler)

log_levels = {
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
}
"""By the names that redun has for them."""
