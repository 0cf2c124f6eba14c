"""What was recorded, read back as plain data: executions, jobs, calls, values and where they came from.

Reads only, never unpickles, knows no printing.
"""
