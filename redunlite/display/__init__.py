"""What a person sees: lines, tables and trees made from plain data."""
