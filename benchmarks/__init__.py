"""Measurements: our stages against the raw ceilings of the same machine, in one run, on the same data.

Never part of a test. `make bench` prints ratios and absolute rates and writes a JSON; a dated copy is kept in
`benchmarks/results/`.
"""
