"""What answers each of Kite's routes, one file for each group of them."""
