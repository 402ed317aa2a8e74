"""Markets that were: recorded ticks and bars played into the exchange, and candles out of it."""
