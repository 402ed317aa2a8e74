"""Decisions: one synchronous function from events to commands, and the state it moves."""
