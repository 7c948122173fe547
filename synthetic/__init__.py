"""The synthetic export: a realistic FOCUS 1.2 month of any size, whose sums and owners are known beforehand.

Everything is a function of (rows, period, seed, cost centers): the same bytes on every machine and Python version,
because all choices come from SHAKE-128 (`draw.py`) and all amounts are integers of 1e-15. What is written beside the
export (provider invoices, rules, `totals.json`) comes from the generator's own knowledge of who owns what, so that
every stage downstream can be checked against it.
"""
