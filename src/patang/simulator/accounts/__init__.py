"""What a user owns and owes: cash, positions, holdings, and the margins they need."""
