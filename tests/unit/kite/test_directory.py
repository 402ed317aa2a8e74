"""Search, chains and look-ups on one day's instruments."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.kite import search
from patang.kite.directory import Directory
from patang.kite.search import Found

D = Decimal
TICK = D("0.05")


def share(symbol: str, token: int, name: str = "", exchange=Exchange.NSE) -> Instrument:
    return Instrument(exchange=exchange, symbol=symbol, token=token, tick_size=TICK, name=name)


def contract(symbol, token, name, expiry, kind, strike=None, exchange=Exchange.NFO) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol=symbol,
        token=token,
        tick_size=TICK,
        lot_size=65,
        instrument_type=InstrumentType(kind),
        name=name,
        expiry=expiry,
        strike=strike,
    )


def options(month: str, expiry: str, first_token: int) -> list[Instrument]:
    return [
        contract(f"NIFTY{month}{strike}{kind}", first_token + 2 * index + side, "NIFTY", expiry,
                 kind, D(strike))
        for index, strike in enumerate(range(24800, 25300, 100))
        for side, kind in enumerate(("CE", "PE"))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def directory() -> Directory:
    return Directory(
        [
            share("INFY", 408065, "INFOSYS"),
            share("INFY", 128000, "INFOSYS LTD", Exchange.BSE),
            share("INFIBEAM", 1, "INFIBEAM AVENUES"),
            share("RELIANCE", 738561, "RELIANCE INDUSTRIES"),
            share("HDFCBANK", 341249, "HDFC BANK"),
            share("M&M", 519937, "MAHINDRA & MAHINDRA"),
            share("NIFTY 50", 256265, "NIFTY 50"),
            contract("NIFTY26NOVFUT", 20, "NIFTY", "2026-11-24", "FUT"),
            contract("NIFTY26DECFUT", 21, "NIFTY", "2026-12-29", "FUT"),
            contract("SENSEX26NOVFUT", 22, "SENSEX", "2026-11-26", "FUT", exchange=Exchange.BFO),
            *options("26DEC", "2026-12-29", 200),
            *options("26N24", "2026-11-24", 100),
        ]
    )


def names(matches) -> list[str]:
    return [match.instrument.id for match in matches]


def test_symbols_and_tokens_map_both_ways(directory):
    assert directory.token("NSE:INFY") == 408065
    assert directory.symbol(408065) == "NSE:INFY"
    assert directory.get("NSE:NOTHING") is None
    assert "NSE:M&M" in directory
    with pytest.raises(InvalidValue, match="belongs to no instrument"):
        directory.symbol(4)


def test_a_misspelt_symbol_is_answered_with_what_was_meant(directory):
    with pytest.raises(InvalidValue, match="Did you mean NSE:RELIANCE"):
        directory["NSE:RELAINCE"]
    with pytest.raises(InvalidValue, match="Write EXCHANGE:SYMBOL"):
        directory["NSE:@@@@"]


@pytest.mark.parametrize(
    ("query", "first", "how"),
    [
        ("infy", "BSE:INFY", Found.EXACT),
        ("NSE:INFY", "NSE:INFY", Found.EXACT),
        ("inf", "BSE:INFY", Found.PREFIX),
        ("infosys", "BSE:INFY", Found.WORDS),
        ("bank hdfc", "NSE:HDFCBANK", Found.WORDS),
        ("BANK", "NSE:HDFCBANK", Found.WORDS),
        ("dustri", "NSE:RELIANCE", Found.PART),
        ("m&m", "NSE:M&M", Found.EXACT),
        ("relaince", "NSE:RELIANCE", Found.SIMILAR),
        ("mahndra", "NSE:M&M", Found.SIMILAR),
        ("NIFTY 26DEC 25000 CE", "NFO:NIFTY26DEC25000CE", Found.WORDS),
        ("25000 pe nifty 24nov", "NFO:NIFTY26N2425000PE", Found.WORDS),
        ("nifty dec fut", "NFO:NIFTY26DECFUT", Found.WORDS),
        ("nifty 2026-11-24 call 25000.0", "NFO:NIFTY26N2425000CE", Found.WORDS),
        ("NIFTY26DEC25000CE", "NFO:NIFTY26DEC25000CE", Found.EXACT),
    ],
)
def test_what_people_type_is_understood(directory, query, first, how):
    best = directory.search(query)[0]
    assert (best.instrument.id, best.found) == (first, how)


def test_matches_are_ranked_filtered_and_limited(directory):
    assert names(directory.search("nifty", limit=4)) == [
        "NSE:NIFTY 50",
        "NFO:NIFTY26NOVFUT",
        "NFO:NIFTY26DECFUT",
        "NFO:NIFTY26N2424800CE",
    ]
    assert names(directory.search("nifty", kind="FUT")) == [
        "NFO:NIFTY26NOVFUT",
        "NFO:NIFTY26DECFUT",
    ]
    assert names(directory.search("inf", exchange="NSE")) == ["NSE:INFY", "NSE:INFIBEAM"]
    assert directory.search("zzzz") == []


def test_a_similar_spelling_is_found_where_only_another_exchange_has_the_exact_one(directory):
    assert names(directory.search("infosys ltd")) == ["BSE:INFY"]
    assert names(directory.search("infosys ltd", exchange="NSE"))[0] == "NSE:INFY"
    assert directory.search("infosys ltd", kind="FUT") == []


@pytest.mark.parametrize("query", ["", "  ", "x" * 101])
def test_a_query_without_words_is_refused(directory, query):
    with pytest.raises(InvalidValue, match="query"):
        directory.search(query)


def test_bounds_of_a_search_are_checked(directory):
    with pytest.raises(InvalidValue, match="limit"):
        directory.search("x", limit=0)
    with pytest.raises(InvalidValue, match="exchange"):
        directory.search("x", exchange="LSE")


def test_prefixes_come_in_the_order_of_the_alphabet(directory):
    assert [each.symbol for each in directory.with_prefix("NSE", "inf")] == ["INFIBEAM", "INFY"]
    assert directory.with_prefix("CDS", "") == []


def test_expiries_and_futures_come_next_first(directory):
    assert directory.expiries("nifty") == ["2026-11-24", "2026-12-29"]
    assert directory.expiries("NIFTY", on_or_after=date(2026, 11, 25)) == ["2026-12-29"]
    assert directory.expiries("SENSEX", exchange="BFO", kind="CE") == []
    assert [each.symbol for each in directory.futures("NIFTY")] == [
        "NIFTY26NOVFUT",
        "NIFTY26DECFUT",
    ]
    assert directory.names() == ["NIFTY"]


def test_a_chain_pairs_calls_and_puts_by_strike(directory):
    chain = directory.option_chain("NIFTY")
    assert (chain.expiry, len(chain.strikes)) == ("2026-11-24", 5)
    assert [line.strike for line in chain.strikes] == [D(n) for n in range(24800, 25300, 100)]
    for line in chain.strikes:
        assert (line.call.strike, line.put.strike) == (line.strike, line.strike)
        assert (line.call.instrument_type, line.put.instrument_type) == ("CE", "PE")
    assert chain.nearest(D("24951")).strike == 25000
    assert chain.nearest(D("24950")).strike == 24900
    assert [line.strike for line in chain.around(D(24810), 1)] == [24800, 24900]
    assert directory.option_chain("NIFTY", date(2026, 12, 29)).expiry == "2026-12-29"


def test_a_chain_that_is_not_listed_says_what_is(directory):
    with pytest.raises(InvalidValue, match="Listed: 2026-11-24, 2026-12-29"):
        directory.option_chain("NIFTY", "2027-01-26")
    with pytest.raises(InvalidValue, match="no options on NFO"):
        directory.option_chain("INFY")


def test_searches_in_several_threads_at_once_all_see_the_whole_index(monkeypatch):
    shares = [share(f"QWERT{number}", number) for number in range(300)]
    second = threading.Event()
    first_builds = threading.Event()
    trigrams = search._trigrams

    def slow_trigrams(text: str) -> frozenset[str]:
        if text == "QWERT250" and not second.is_set():
            first_builds.set()
            second.wait(1)
        return trigrams(text)

    monkeypatch.setattr(search, "_trigrams", slow_trigrams)
    found = search.SymbolSearch(shares)

    def look() -> list[str]:
        return names(found.find("QWRT299", limit=1))

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(look)
        assert first_builds.wait(5)
        other = look()
        second.set()
        assert one.result() == other == ["NSE:QWERT299"]
