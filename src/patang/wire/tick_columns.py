"""Many packets of the ticker at once: columns of wire integers in, bytes of a frame out.

The same bytes as ``ticks.encode_frame`` makes one packet at a time, for whoever has thousands of
them each second. Needs NumPy, so it is imported by those who have columns to send, and by nothing
else. Source: Kite Connect v3, WebSocket streaming.
"""

from typing import TYPE_CHECKING, Any

from patang.domain.errors import InvalidValue, MissingExtra
from patang.wire.ticks import DEPTH_LEVELS, Packet, Segment, TickMode

try:
    import numpy as np
except ModuleNotFoundError as error:
    raise MissingExtra("Sending ticks by the column", "fast") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PRICES = ("open", "high", "low", "close")
_TIMES = ("last_trade_time", "oi", "oi_day_high", "oi_day_low", "exchange_timestamp")

COLUMNS = np.dtype(
    [
        ("token", "u4"),
        ("last_price", "i4"),
        ("last_quantity", "u4"),
        ("average_price", "i4"),
        ("volume", "u4"),
        ("buy_quantity", "u4"),
        ("sell_quantity", "u4"),
        *((name, "i4") for name in _PRICES),
        *((name, "u4") for name in _TIMES),
        *(
            (f"{side}_{name}", kind, (DEPTH_LEVELS,))
            for side in ("bid", "ask")
            for name, kind in (("quantity", "u4"), ("price", "i4"), ("orders", "u2"))
        ),
    ]
)
"""One row for each instrument, all that a full packet says: names and meaning as in ``Packet``.

Depth levels stand best first; those that are missing are zeros. An index leaves zero what its
packets do not carry; its change is worked out.
"""

_LEVEL = np.dtype([("quantity", ">u4"), ("price", ">i4"), ("orders", ">u2"), ("pad", ">u2")])
_QUOTE_FIELDS = (
    ("length", ">u2"),
    ("token", ">u4"),
    ("last_price", ">i4"),
    ("last_quantity", ">u4"),
    ("average_price", ">i4"),
    ("volume", ">u4"),
    ("buy_quantity", ">u4"),
    ("sell_quantity", ">u4"),
    *((name, ">i4") for name in _PRICES),
)
_FULL_FIELDS = (*_QUOTE_FIELDS, *((name, ">u4") for name in _TIMES))
_INDEX_FIELDS = (
    ("length", ">u2"),
    ("token", ">u4"),
    *((name, ">i4") for name in ("last_price", "high", "low", "open", "close", "change")),
)
_LTP = np.dtype([("length", ">u2"), ("token", ">u4"), ("last_price", ">i4")])
_QUOTE = np.dtype(list(_QUOTE_FIELDS))
_FULL = np.dtype([*_FULL_FIELDS, ("bids", _LEVEL, (5,)), ("asks", _LEVEL, (5,))])
_INDEX_QUOTE = np.dtype(list(_INDEX_FIELDS))
_INDEX_FULL = np.dtype([*_INDEX_FIELDS, ("exchange_timestamp", ">u4")])

_SHAPES = {
    TickMode.LTP: (_LTP, _LTP),
    TickMode.QUOTE: (_QUOTE, _INDEX_QUOTE),
    TickMode.FULL: (_FULL, _INDEX_FULL),
}


def encode_columns(rows: "NDArray[Any]", mode: TickMode) -> bytes:
    """The rows as packets of ``mode``, each behind its length, in order; no count before them.

    Raises:
        InvalidValue: the array is not one of ``COLUMNS``.
    """
    if rows.dtype != COLUMNS:
        # NumPy would cut other numbers down to 32 bits without a word.
        raise InvalidValue("rows", f"{rows.dtype} are not the columns of ticks.", "Use COLUMNS.")
    tradable, index = _SHAPES[mode]
    is_index = (rows["token"] & 0xFF) == Segment.INDICES
    if mode is TickMode.LTP or not is_index.any():
        return _packed(rows, tradable).tobytes()
    if is_index.all():
        return _packed(rows, index).tobytes()
    lengths = np.where(is_index, index.itemsize, tradable.itemsize)
    starts = np.cumsum(lengths) - lengths
    body = np.empty(int(lengths.sum()), np.uint8)
    for chosen, shape in ((~is_index, tradable), (is_index, index)):
        places = starts[chosen][:, None] + np.arange(shape.itemsize)
        body[places] = _packed(rows[chosen], shape).view(np.uint8).reshape(-1, shape.itemsize)
    return body.tobytes()


def columns_of(packets: "list[Packet]") -> "NDArray[Any]":
    """FULL and INDEX_FULL packets as columns; raises ``InvalidValue`` for numbers that do not fit.

    For few packets and for proofs: who has thousands fills the columns itself.
    """
    rows = np.zeros(len(packets), COLUMNS)
    for number, packet in enumerate(packets):
        row = rows[number]
        try:
            for name in ("token", "last_price", "last_quantity", "average_price", "volume"):
                row[name] = getattr(packet, name)
            for name in ("buy_quantity", "sell_quantity", *_PRICES, *_TIMES):
                row[name] = getattr(packet, name)
            for side, levels in (("bid", packet.bids), ("ask", packet.offers)):
                for place, level in enumerate(levels):
                    row[f"{side}_quantity"][place] = level.quantity
                    row[f"{side}_price"][place] = level.price
                    row[f"{side}_orders"][place] = level.orders
        except (OverflowError, IndexError) as error:
            raise InvalidValue("packets", f"token {packet.token}: {error}.") from error
    return rows


def _packed(rows: "NDArray[Any]", shape: "np.dtype[Any]") -> "NDArray[Any]":
    packed = np.zeros(len(rows), shape)
    for name in shape.names or ():
        match name:
            case "length":
                packed[name] = shape.itemsize - 2
            case "change":
                packed[name] = rows["last_price"] - rows["close"]
            case "bids" | "asks":
                side = name[:-1]
                for part in ("quantity", "price", "orders"):
                    packed[name][part] = rows[f"{side}_{part}"]
            case _:
                packed[name] = rows[name]
    return packed
