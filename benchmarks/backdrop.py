"""A second of 9,000 instruments without a book: four changes of each, as columns for the ticker.

Ours makes everything a full packet says, of all rows at once. The peer goes row by row through the
same formulas in plain Python, and for the last price alone. Both must agree to the tick.
"""

import math
from datetime import date

from benchmarks.harness import Measurement, interleave

NAME = "backdrop"
PEER = "row by row, last prices only"

ROWS = 9_000
STEPS = 4
_YEAR_NS = 365 * 86_400 * 1_000_000_000


def measure(rounds: int) -> Measurement:
    """Price ``ROWS`` rows ``STEPS`` times, both ways."""
    import numpy as np

    from patang.domain.enums import InstrumentType
    from patang.rules.ist import at_ist
    from patang.simulator.worlds.backdrop import STEP_NS, VectorBackdrop
    from patang.simulator.worlds.black76 import option_price
    from patang.simulator.worlds.chain import Chain, settles_ns
    from patang.simulator.worlds.generation import generate_universe
    from patang.simulator.worlds.listing import OPTIONS, RATE
    from patang.simulator.worlds.regimes import Regime

    on = date(2026, 11, 19)
    listing = generate_universe(ROWS, on, 1)
    backdrop = VectorBackdrop(listing, 1, Regime.CALM)
    backdrop.begin(on)
    rows = np.arange(ROWS)
    chain = Chain(listing, rows)
    close_ns = at_ist(date(2026, 11, 18), 15, 30)
    chain.smile(chain.own(backdrop.paths.closes), close_ns)
    volatility = dict(zip(chain.options.tolist(), chain.volatility.tolist(), strict=True))
    now_ns = at_ist(on, 9, 20)
    moment = [now_ns]

    def ours() -> None:
        for _ in range(STEPS):
            moment[0] += STEP_NS
            backdrop.columns(rows, moment[0])

    def theirs() -> list[float]:
        prices: list[float] = []
        for _ in range(STEPS):
            spot = backdrop.paths.spot(moment[0], moment[0]).tolist()
            prices = []
            for row, one in enumerate(listing.rows):
                number = listing.driver_of[row]
                price = spot[number] * listing.scale_of[row]
                if listing.forward_of[row]:
                    ends_ns = settles_ns(one.exchange, date.fromordinal(listing.forward_of[row]))
                    years = max(ends_ns - moment[0], 0) / _YEAR_NS
                    price *= math.exp(listing.drivers[number].carry * years)
                if one.instrument_type in OPTIONS:
                    last = date.fromisoformat(one.expiry or "")
                    price = option_price(
                        price,
                        float(one.strike or 0),
                        max(settles_ns(one.exchange, last) - moment[0], 0) / _YEAR_NS,
                        volatility[row],
                        RATE,
                        is_call=one.instrument_type is InstrumentType.CE,
                    )
                prices.append(price)
        return prices

    seconds = interleave(ours, theirs, rounds)
    shown = backdrop.columns(rows, moment[0])
    for row, price in enumerate(theirs()):
        one = listing.rows[row]
        tick = float(one.tick_size)
        ours_paid = float(one.from_wire(int(shown["last_price"][row])))
        spread = max(2 * tick, price * 2e-4)
        if abs(ours_paid - max(price, tick)) > spread:
            raise AssertionError(f"{one.id}: {ours_paid} is not {price}.")
    work = f"{ROWS * STEPS} changes of {ROWS} rows"
    return Measurement(NAME, PEER, *seconds, work)
