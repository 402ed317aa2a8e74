"""Made-up markets: instruments, reference paths, and the agents that trade around them."""
