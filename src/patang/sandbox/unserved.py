"""The routes of the endpoint table that the sandbox does not serve yet.

They answer like any address that Kite does not have: 404 with the error envelope. A test holds
that every route of the table is either served or listed here.
"""

UNSERVED = frozenset(
    {
        "renew_access_token",
        "full_profile",
        "convert_position",
        "holdings_summary",
        "holdings_compact",
        "get_auction_instruments",
        "holdings_authorise",
        "historical_data",
        "trigger_range",
        "order_margins",
        "basket_order_margins",
        "get_virtual_contract_note",
        "market_margins",
        "parameters",
        "mf_orders",
        "mf_order",
        "place_mf_order",
        "cancel_mf_order",
        "mf_sips",
        "mf_sip",
        "place_mf_sip",
        "modify_mf_sip",
        "cancel_mf_sip",
        "mf_holdings",
        "mf_holding_trades",
        "mf_instruments",
        "mf_allotments",
    }
)
"""Names of routes without a handler."""
