"""The instruments cache: one request a day, private whole files, memory by a measured figure."""

import asyncio
import stat
import tracemalloc
from datetime import date

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import Kite, MemoryTransport, Response
from patang.kite.directory import Directory
from patang.kite.instrument_files import InstrumentFiles
from patang.kite.instruments import _BYTES_EACH, KiteInstruments, dump_date
from patang.kite.retry import NO_RETRIES
from patang.rules.ist import at_ist
from patang.wire.errors import NetworkException
from patang.wire.instruments import decode_instruments_csv

DAY = date(2026, 11, 20)
HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)
NSE = HEAD + "408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE\n"
NFO = HEAD + (
    "258,1,NIFTY26NOV25000CE,NIFTY,0,2026-11-19,25000,0.05,65,CE,NFO-OPT,NFO\n"
    "514,2,NIFTY26N2425000CE,NIFTY,0,2026-11-24,25000,0.05,65,CE,NFO-OPT,NFO\n"
)


class Desk:
    """A cache over a scripted Kite and a clock that is set by hand."""

    def __init__(self, folder=None, root="http://127.0.0.1:9", day=DAY, clock=(10, 0)) -> None:
        self.at_ns = at_ist(day, *clock)
        self.status = 200
        self.transport = MemoryTransport(self.answer)
        self.kite = Kite("key", "token", root, transport=self.transport, retry=NO_RETRIES)
        self.instruments = KiteInstruments(self.kite, folder, clock=self)

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the cache never waits")

    async def answer(self, request) -> Response:
        await asyncio.sleep(0)
        body = {"NSE": NSE, "NFO": NFO}.get(request.path.rpartition("/")[2], NSE + NFO[len(HEAD) :])
        if self.status != 200:
            body = '{"status":"error","message":"down","error_type":"NetworkException"}'
        kind = "text/csv" if self.status == 200 else "application/json"
        return Response(status=self.status, headers={"content-type": kind}, body=body.encode())

    @property
    def asked(self) -> list[str]:
        return [request.path.partition(":9")[2] for request in self.transport.sent]


@pytest.mark.parametrize(
    ("clock", "day"),
    [((0, 0), 19), ((8, 29), 19), ((8, 30), 20), ((23, 59), 20)],
)
def test_the_day_begins_with_the_mornings_list(clock, day):
    assert dump_date(at_ist(DAY, *clock)) == date(2026, 11, day)


async def test_many_who_ask_cause_one_request():
    desk = Desk()
    found = await asyncio.gather(*(desk.instruments.load("NSE") for _ in range(40)))
    assert len({id(directory) for directory in found}) == 1
    assert desk.asked == ["/instruments/NSE"]
    assert await desk.instruments.token("NSE:INFY") == 408065
    assert await desk.instruments.symbol(258) == "NFO:NIFTY26NOV25000CE"
    assert desk.asked == ["/instruments/NSE", "/instruments"]


async def test_a_new_list_is_fetched_after_half_past_eight():
    desk = Desk(clock=(8, 29))
    await desk.instruments.load("NSE")
    await desk.instruments.load("NSE")
    assert len(desk.asked) == 1
    desk.at_ns = at_ist(DAY, 8, 30)
    await desk.instruments.load("NSE")
    assert len(desk.asked) == 2
    assert len(desk.instruments._cache) == 1


async def test_the_list_survives_the_process_in_private_files(tmp_path):
    folder = tmp_path / "deep" / "folder"
    first = await Desk(folder).instruments.load("NFO")
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    desk = Desk(folder)
    assert list(await desk.instruments.load("NFO")) == list(first)
    assert desk.asked == []


async def test_another_servers_or_days_list_is_not_taken(tmp_path):
    await Desk(tmp_path).instruments.load("NSE")
    other = Desk(tmp_path, root="http://127.0.0.1:8")
    await other.instruments.load("NSE")
    later = Desk(tmp_path, day=date(2026, 11, 23))
    await later.instruments.load("NSE")
    assert (len(other.asked), len(later.asked)) == (1, 1)


@pytest.mark.parametrize("damage", [b"", b"\x00", b"not a list"])
async def test_a_damaged_file_is_replaced(tmp_path, damage):
    await Desk(tmp_path).instruments.load("NSE")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == b"" else damage)
    desk = Desk(tmp_path)
    assert len(await desk.instruments.load("NSE")) == 1
    assert len(desk.asked) == 1
    assert path.read_bytes() == whole


async def test_a_folder_that_cannot_be_written_costs_only_the_copy(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    desk = Desk(in_the_way)
    assert len(await desk.instruments.load("NSE")) == 1


async def test_old_files_go_and_strangers_stay(tmp_path):
    stranger = tmp_path / "notes.txt"
    stranger.write_text("mine")
    old = tmp_path / "instruments-NSE-2026-11-01.csv"
    old.write_text("")
    await Desk(tmp_path).instruments.load("NSE")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "instruments-NSE-2026-11-20.csv",
        "notes.txt",
    ]


async def test_a_failure_is_told_and_not_kept(tmp_path):
    desk = Desk(tmp_path)
    desk.status = 503
    with pytest.raises(NetworkException):
        await desk.instruments.load("NSE")
    assert list(tmp_path.iterdir()) == []
    desk.status = 200
    assert len(await desk.instruments.load("NSE")) == 1


async def test_expired_contracts_are_passed_over():
    instruments = Desk().instruments
    assert await instruments.expiries("NIFTY") == ["2026-11-24"]
    assert (await instruments.option_chain("NIFTY")).expiry == "2026-11-24"
    assert await instruments.nearest_strike("NIFTY", 25010) == 25000
    assert (await instruments.option_chain("NIFTY", "2026-11-19")).expiry == "2026-11-19"


async def test_orders_are_checked_against_the_list_before_they_are_sent():
    desk = Desk()
    await desk.instruments.check_orders("NSE")
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "CNC",
        "order_type": "LIMIT",
        "price": "1500.02",
    }
    with pytest.raises(InvalidValue, match="price"):
        await desk.kite.place_order(**order)
    assert desk.asked == ["/instruments/NSE"]


async def test_search_is_limited_to_an_exchange_that_exists():
    instruments = Desk().instruments
    (match,) = await instruments.search_instruments("infosys")
    assert match.instrument.id == "NSE:INFY"
    with pytest.raises(InvalidValue, match="exchange"):
        await instruments.search_instruments("infosys", "LSE")


def test_the_memory_of_an_instrument_is_no_more_than_it_is_counted_for():
    rows = "".join(
        f"{n * 256 + 2},{n},NIFTY26N{n:05}CE,NIFTY,0,2026-11-24,{n},0.05,65,CE,NFO-OPT,NFO\n"
        for n in range(1, 5001)
    )
    tracemalloc.start()
    directory = Directory(decode_instruments_csv((HEAD + rows).encode()))
    assert directory.by_token
    assert directory.search("NIFTY 4711 CE")
    assert directory.option_chain("NIFTY")
    assert directory.with_prefix("NFO", "NIFTY")
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 5000 < _BYTES_EACH


def test_a_reader_never_sees_half_a_file(tmp_path):
    files = InstrumentFiles(tmp_path, "root")
    for _ in range(3):
        files.write("NSE", DAY, NSE.encode())
        assert files.read("NSE", DAY) == decode_instruments_csv(NSE.encode())
    assert len(list(tmp_path.iterdir())) == 1
