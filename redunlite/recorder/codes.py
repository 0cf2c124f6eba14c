"""The numbers in the schema's columns, for rooms that read rows without the models.

Kept for ever, like the schema: `models` tells which column holds which.
"""

from __future__ import annotations

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of a database with these tables."""

SERIAL_BITS = 32
"""Row id = execution number << SERIAL_BITS | serial."""

# execution.status and job.status
RUNNING, DONE, FAILED, CANCELLED = 0, 1, 2, 3

# job.kind: how the job got its result
KIND_RUN, KIND_SINGLE, KIND_ULTIMATE, KIND_CSE = 0, 1, 2, 3

# call.status
CALL_OPEN, CALL_OK, CALL_ERROR = 0, 1, 2
