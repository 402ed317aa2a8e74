"""What a client may ask: which requests there are, and the permission and limits of each."""

from decimal import Decimal

from patang.brokers import protocol as p
from patang.brokers.protocol import Codes
from patang.domain.errors import InvalidValue
from patang.domain.instrument import parse_instrument_id
from patang.gateway.clients import Client, Permission, Refused

MAX_INSTRUMENTS = 200

MoneyRequest = p.PlaceOrder | p.ModifyOrder | p.PlaceGtt | p.ModifyGtt | p.CancelGtt | p.CancelOrder
ReadRequest = (
    p.GetOrders
    | p.GetTrades
    | p.GetPositions
    | p.GetHoldings
    | p.GetFunds
    | p.GetGtts
    | p.GetQuotes
    | p.GetRequest
    | p.GetBooks
    | p.Subscribe
    | p.Unsubscribe
)

_PERMISSIONS: dict[type[p.Request], Permission | None] = {
    p.PlaceOrder: Permission.TRADE,
    p.ModifyOrder: Permission.TRADE,
    p.CancelOrder: Permission.TRADE,
    p.PlaceGtt: Permission.GTT,
    p.ModifyGtt: Permission.GTT,
    p.CancelGtt: Permission.GTT,
    p.GetOrders: Permission.READ,
    p.GetTrades: Permission.READ,
    p.GetPositions: Permission.READ,
    p.GetHoldings: Permission.READ,
    p.GetFunds: Permission.READ,
    p.GetGtts: Permission.READ,
    p.GetBooks: Permission.READ,
    p.GetRequest: None,  # about its own
    p.GetQuotes: Permission.QUOTES,
    p.Subscribe: Permission.QUOTES,
    p.Unsubscribe: Permission.QUOTES,
}


def permit(client: Client, message: MoneyRequest | ReadRequest) -> None:
    """Pass what a client may ask; raises ``Refused`` for the rest."""
    needed = _PERMISSIONS[type(message)]
    if needed is not None and needed not in client.permissions:
        raise Refused(Codes.FORBIDDEN, f"{client.client_id} has no permission to {needed}.")
    if isinstance(message, p.PlaceOrder):
        if client.strategies and message.strategy not in client.strategies:
            known = ", ".join(sorted(client.strategies))
            cause = f"{client.client_id} trades for {known} only."
            raise Refused(Codes.FORBIDDEN, cause, "strategy")
        _check_size(client, message)
    if isinstance(message, p.PlaceOrder | p.GttFields):
        check_allowed(client, (f"{message.exchange}:{message.symbol}",), "symbol")
    if isinstance(message, p.PlaceGtt | p.ModifyGtt):
        for leg in message.orders:
            _check_amounts(client, leg.quantity, leg.price)


def _check_size(client: Client, message: p.PlaceOrder) -> None:
    if not message.reduces:
        _check_amounts(client, message.quantity, message.price or message.trigger_price)


def _check_amounts(client: Client, quantity: int, price: Decimal | None) -> None:
    if client.max_order_quantity is not None and quantity > client.max_order_quantity:
        cause = f"{quantity} is above {client.max_order_quantity}."
        raise Refused(Codes.LIMIT_EXCEEDED, cause, "quantity")
    value = None if price is None else price * quantity
    if client.max_order_value is not None and value is not None and value > client.max_order_value:
        cause = f"{value} rupees are above {client.max_order_value}."
        raise Refused(Codes.LIMIT_EXCEEDED, cause, "price")


def check_instruments(instruments: tuple[str, ...]) -> None:
    """Check that there are some, not too many, and all well formed; raises ``InvalidValue``."""
    if not 1 <= len(instruments) <= MAX_INSTRUMENTS:
        raise InvalidValue("instruments", f"1 to {MAX_INSTRUMENTS} at a time.")
    for each in instruments:
        parse_instrument_id(each)


def check_allowed(client: Client, instruments: tuple[str, ...], field: str) -> None:
    """Check that a client may trade and hear these; raises ``Refused``."""
    for each in instruments:
        if client.instruments and each not in client.instruments:
            raise Refused(Codes.FORBIDDEN, f"{each} is not for this client.", field)
