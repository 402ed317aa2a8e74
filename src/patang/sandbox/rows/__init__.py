"""The simulated exchange's state as the rows that Kite's JSON carries."""
