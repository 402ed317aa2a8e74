"""Kite's bytes both ways: frames, JSON, forms, CSV and what they mean. No sockets, no clock."""
