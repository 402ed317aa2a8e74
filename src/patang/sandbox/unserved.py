"""The routes of the endpoint table that the sandbox does not serve yet.

They answer like any address that Kite does not have: 404 with the error envelope. A test holds
that every route of the table is either served or listed here.
"""

UNSERVED = frozenset(
    {
        "convert_position",
        "holdings_summary",
        "holdings_compact",
        "get_auction_instruments",
        "holdings_authorise",
        "historical_data",
        "order_margins",
        "basket_order_margins",
        "get_virtual_contract_note",
    }
)
"""Names of routes without a handler."""
