"""Standing instructions that wait for a price: GTTs and alerts."""
