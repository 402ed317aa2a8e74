"""The control port: clock, truth, records and faults of a sandbox, beside Kite's own routes."""
