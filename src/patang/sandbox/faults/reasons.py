"""Why orders are refused, in Kite's words; parts that vary hold plausible numbers.

Source: kite-protocol reference, message catalogue; market reference, limit price protection.
"""

from patang.simulator.errors import Refused, Rejection

REASONS: dict[str, Refused | Rejection] = {
    "margin": Refused(
        "MarginException",
        "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80.",
    ),
    "margin_row": Rejection(
        "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80. "
        "Check the orderbook for open orders.",
        "RMS:Margin Exceeds,Required:95417.84, Available:74251.80 for entity account-XXXXXX "
        "across exchange across segment across product",
        "broker",
    ),
    "holdings": Refused(
        "HoldingException",
        "1 quantity needs authorisation at depository.",
        status=428,
    ),
    "freeze_quantity": Refused(
        "InputException",
        "Quantity exceeds the freeze quantity of 1800 for this contract.",
    ),
    "freeze_quantity_row": Rejection(
        "Order quantity is above the exchange's freeze quantity of 1800.",
        "16329 : Quantity freeze: order quantity exceeds 1800",
    ),
    "circuit_limit": Refused(
        "InputException",
        "Your order price is higher than the current upper circuit limit. "
        "Place an order within the daily range.",
    ),
    "circuit_limit_row": Rejection(
        "Your order price is outside the current circuit limits. "
        "Place an order within the daily range.",
        "RMS:Rule: Check circuit limit including square off order exceeds",
        "broker",
    ),
    "price_protection": Rejection(
        "Your order price is outside the exchange's execution range.",
        "17070 : The Price is out of the current execution range",
    ),
    "tick_size": Refused(
        "InputException",
        "Tick size for this script is 0.05. Kindly enter price in the multiple of tick size for "
        "this script",
    ),
    "market_closed": Refused(
        "InputException",
        "MIS (intraday) are blocked as the markets are not open for trading today. "
        "Try placing an AMO order.",
    ),
    "market_protection": Refused(
        "InputException",
        "Market orders without market protection are not allowed via API. "
        "Please set market protection or use a Limit order.",
    ),
    "blocked": Rejection(
        "Trading in this instrument is blocked.",
        "RMS:Blocked for trading in this scrip",
        "broker",
    ),
    "self_trade": Rejection(
        "The order would have traded with another order of yours.",
        "17080 : Order cancelled due to self trade prevention",
    ),
    "order_limit": Refused(
        "InputException", "Maximum allowed order requests exceeded.", status=429
    ),
    "totp": Refused("InputException", "TOTP is mandatory to place orders on third-party apps."),
    "oms_down": Refused(
        "OrderException", "Order could not be placed: the order system did not answer.", status=500
    ),
}
"""Refusals by name: an HTTP error without an order row, or (``_row`` and others) a REJECTED row."""
