"""The trading day: phases, auctions, bands, breakers, square-off and settlement."""
