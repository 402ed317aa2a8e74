"""Who is plugged into whom: clocks, the node, the journal's turns, and the runs built of them."""
