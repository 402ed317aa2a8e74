"""What waits at the broker for a price: good-till-triggered orders and alerts."""
