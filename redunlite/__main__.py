# PYTHON_ARGCOMPLETE_OK
"""`python -m redunlite`: the same command, where `redunlite` is not on the PATH."""

from __future__ import annotations

import sys

from redunlite.cli import main

if __name__ == "__main__":
    sys.exit(main())
