# PYTHON_ARGCOMPLETE_OK
"""`python -m redunlite`: the same command, where `redunlite` is not on the PATH."""

from __future__ import annotations

import sys

# The working folder, which Python puts first for `-m`, and the command itself does not have.
del sys.path[:1]

from redunlite.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
