"""Speed against named peers: the same work, interleaved in one process, told as ratios.

A benchmark is a module of this package that has

- ``NAME``: what is typed after ``python -m benchmarks``,
- ``PEER``: what it is measured against, with its version,
- ``measure(rounds) -> Measurement``: does the work both ways, asserts that both did the same work,
  and returns the seconds of each round.
"""
