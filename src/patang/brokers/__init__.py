"""Brokers behind one port: commands go in, events come out."""
