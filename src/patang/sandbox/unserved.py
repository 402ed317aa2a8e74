"""The routes of the endpoint table that the sandbox does not serve yet.

They answer like any address that Kite does not have: 404 with the error envelope. A test holds
that every route of the table is either served or listed here.
"""

UNSERVED: frozenset[str] = frozenset(
    {
    }
)
"""Names of routes without a handler."""
