"""The words of the platform: what an instrument, a tick, an order, a fill and a position are."""
