"""Patang: one platform for trading through Zerodha's Kite Connect."""

__version__ = "0.1.0"
