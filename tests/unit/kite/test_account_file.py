"""The state that processes share: private, whole after any death, and bounded."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from patang.kite.errors import AccountStateUnusable, LimitReached
from patang.kite.governor import Governor, Lane, Limits
from patang.wire.endpoints import RateClass

SECOND = 1_000_000_000


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "limits" / "AB1234.state"


async def send(governor: Governor, lane: Lane = Lane.ENTRY, **more) -> None:
    async with governor.slot(lane=lane, **({"orders": 1} | more)):
        pass


async def test_the_days_count_outlives_the_process(clock, path):
    first = Governor(clock, path=path)
    await send(first)
    await send(first, order_id="7", orders=0)
    first.close()
    second = Governor(clock, path=path, limits=Limits(modifications_per_order=1))
    assert second.state().orders_today == 1
    assert second.state().classes[RateClass.ORDER].sent_today == 2
    with pytest.raises(LimitReached, match="order 7"):
        await send(second, order_id="7", orders=0)


async def test_a_slot_of_one_process_is_missing_to_the_other(clock, path):
    limits = Limits(orders_per_second=1, arrival_bound_s=2)
    one, other = (Governor(clock, path=path, limits=limits) for _ in range(2))
    await send(one)
    assert other.state().classes[RateClass.ORDER].wait_s == 1
    task = asyncio.ensure_future(send(other))
    await clock.run_for(0.9)
    assert not task.done()
    await clock.run_for(0.2)
    task.result()


async def test_apps_of_one_account_share_orders_and_nothing_else(clock, path):
    one, other = (Governor(clock, path=path, api_key=key) for key in ("app1", "app2"))
    async with one.slot(RateClass.QUOTE):
        pass
    await send(one)
    classes = other.state().classes
    assert classes[RateClass.QUOTE].can_go_now
    assert classes[RateClass.ORDER].held == (1, 1)
    assert b"app1" not in path.read_bytes()


async def test_the_slot_of_a_process_that_died_comes_back(clock, path):
    limits = Limits(orders_per_second=1, arrival_bound_s=2)
    dead = Governor(clock, path=path, limits=limits)
    holding = dead.slot(orders=1, longest_s=10)
    await holding.__aenter__()
    other = Governor(clock, path=path, limits=limits)
    # Its request may take ten seconds, and arrive for two more; then a second.
    assert other.state().classes[RateClass.ORDER].wait_s == 13
    task = asyncio.ensure_future(send(other))
    await clock.run_for(12.9)
    assert not task.done()
    await clock.run_for(0.2)
    task.result()
    await holding.__aexit__(None, None, None)


async def test_a_cancel_of_one_process_goes_before_an_entry_of_another(clock, path):
    limits = Limits(orders_per_second=1)
    one, other = (Governor(clock, path=path, limits=limits) for _ in range(2))
    sent: list[str] = []

    async def named(name: str, governor: Governor, lane: Lane) -> None:
        await send(governor, lane)
        sent.append(name)

    await send(one)
    async with asyncio.TaskGroup() as group:
        for n in range(2):
            group.create_task(named(f"entry{n}", one, Lane.ENTRY))
        await clock.run_for(0.5)
        group.create_task(named("cancel", other, Lane.CANCEL))
        await clock.run_for(5)
    assert sent == ["cancel", "entry0", "entry1"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
async def test_its_files_are_for_their_owner_alone(clock, path):
    await send(Governor(clock, path=path))
    assert path.parent.stat().st_mode & 0o777 == 0o700
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"AB1234.state": 0o600}


@pytest.mark.parametrize(
    "body", [b"{}", b"\0" * 64, b"\xff" * 700_000], ids=["text", "zeros", "noise"]
)
async def test_an_unreadable_state_is_set_aside_and_nothing_is_presumed_free(
    clock, path, body, caplog
):
    path.parent.mkdir()
    path.write_bytes(body)
    governor = Governor(clock, path=path)
    cancel, entry = (
        asyncio.ensure_future(send(governor, lane)) for lane in (Lane.CANCEL, Lane.ENTRY)
    )
    await clock.run_for(10.9)
    assert not cancel.done()
    await clock.run_for(0.2)
    cancel.result()
    assert not entry.done()
    await clock.run_for(60)
    entry.result()
    assert "unreadable" in caplog.text
    assert path.with_name("AB1234.state.unreadable").read_bytes() == body[: 1 << 19]


async def test_a_clock_that_was_set_back_does_not_hold_slots_for_ever(clock, path):
    far = Governor(clock, path=path, limits=Limits(orders_per_second=1))
    await clock.run_for(7 * 86_400)
    await send(far)
    clock.step(-86_400)
    assert far.state().classes[RateClass.ORDER].wait_s <= 311


@pytest.mark.parametrize("torn", [0, 1])
async def test_a_copy_that_was_not_written_whole_costs_one_change(clock, path, torn):
    governor = Governor(clock, path=path)
    await governor.see_order_book(1)
    await governor.see_order_book(2)
    body = bytearray(path.read_bytes())
    start = torn * (1 << 18)
    body[start + 20 : start + 30] = b"\0" * 10
    path.write_bytes(body)
    assert governor.state().orders_today == (1 if torn == 0 else 2)
    await governor.see_order_book(3)
    assert governor.state().orders_today == 3


async def test_a_file_that_was_deleted_is_made_again_for_all(clock, path):
    one, other = (Governor(clock, path=path) for _ in range(2))
    await send(one)
    await send(other)
    path.unlink()
    await send(one)
    await send(other)
    assert one.state().orders_today == other.state().orders_today == 2


async def test_a_folder_that_cannot_be_made_is_named(clock, tmp_path):
    (tmp_path / "file").write_text("")
    governor = Governor(clock, path=tmp_path / "file" / "AB1234.state")
    with pytest.raises(AccountStateUnusable, match=r"AB1234\.state.*path that can be written"):
        await send(governor)


async def test_a_file_that_breaks_meanwhile_costs_no_answer(clock, path, caplog):
    governor = Governor(clock, path=path)
    async with governor.slot(orders=1):
        path.unlink()
        path.parent.rmdir()
        path.parent.write_text("")
    await governor.see_order_book(3)
    assert "could not be given back" in caplog.text
    assert "could not be counted" in caplog.text
    with pytest.raises(AccountStateUnusable):
        governor.state()


async def test_the_file_stays_small_over_a_busy_day(clock, path):
    limits = Limits(orders_per_second=10, orders_per_minute=1_000, modifications_per_order=1_000)
    governor = Governor(clock, path=path, limits=limits)
    for n in range(600):
        await send(governor, order_id=f"{n % 50:019}")
        if n % 10 == 9:
            await clock.run_for(1)
    assert path.stat().st_size < 300_000
    assert len(governor._store.read().buckets["O"].slots) <= 600
    await clock.run_for(86_400)
    await send(governor)
    state = governor._store.read()
    assert (len(state.buckets["O"].slots), len(state.days), state.modifications) == (1, 1, {})


WORKER = """
import asyncio, json, sys, time
from patang.kite.governor import Governor, Lane, Limits

async def main(path, requests):
    governor = Governor(path=path, limits=Limits(orders_per_second=6, arrival_bound_s=0.2))
    sent = []
    async def order(n):
        async with governor.slot(lane=Lane(n % 4), orders=1, longest_s=1):
            sent.append(time.time_ns())
            await asyncio.sleep(0.002 * (n % 5))
            sent.append(time.time_ns())
    await asyncio.gather(*(order(n) for n in range(requests)))
    print(json.dumps(sent))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_two_processes_together_stay_below_the_limit(path):
    """Whatever second-aligned clock the server has, and wherever between send and reply."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), "8"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    sent = [json.loads(worker.communicate(timeout=30)[0]) for worker in workers]
    assert [len(times) for times in sent] == [16, 16]
    times = sorted(sent[0] + sent[1])
    for offset_ns in range(0, SECOND, SECOND // 50):
        for one_of_two in (sent[0][::2] + sent[1][::2], sent[0][1::2] + sent[1][1::2]):
            seen = Counter((at + offset_ns) // SECOND for at in one_of_two)
            assert max(seen.values()) <= 6
    assert times[-1] - times[0] >= 2 * SECOND


KILLED = """
import asyncio, sys
from patang.kite.governor import Governor

async def main(path):
    governor = Governor(path=path)
    for n in range(1_000_000):
        await governor.see_order_book(n)
        if n == 20:
            print("going", flush=True)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_process_killed_at_any_moment_leaves_a_whole_state_and_no_lock(path):
    for _ in range(3):
        worker = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        worker.kill()
        worker.communicate(timeout=10)
        governor = Governor(path=path)
        started = time.monotonic()
        asyncio.run(governor.see_order_book(1))
        assert time.monotonic() - started < 1
        assert governor.state().orders_today >= 20
        governor.close()
    assert not list(path.parent.glob("*.unreadable"))
