"""What must be fast, measured against a limit beside it: ``python -m benchmarks``.

Each ``rowNN_*.py`` holds one row of the table and has one function,
``measure(timer)``, which returns its lines.  A new row is a new module; nothing
else has to change.
"""
