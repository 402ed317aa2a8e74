"""Faults on demand: what may go wrong, when, and the gate in which it does."""
