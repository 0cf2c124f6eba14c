"""What was recorded, read back as plain data: executions, jobs, calls, values and where they came from.

Reads only and knows no printing. Nothing is unpickled but in `values`, at the user's explicit wish.
"""
