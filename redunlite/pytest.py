"""The fixture `scheduler`, under the module name that redun has for it; see `redunlite.testing`."""

from __future__ import annotations

from redunlite.testing import scheduler

__all__ = ["scheduler"]
