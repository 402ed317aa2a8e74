"""A dead session is renewed once, and everybody who waits gets the result."""

import asyncio

import pytest

from patang.kite.secret import Secret
from patang.kite.session_renewal import SessionRenewal
from patang.wire.errors import TokenException

OLD, NEW = Secret("old"), Secret("new")


class Hook:
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self, *answers: object) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._answers = list(answers)

    async def __call__(self) -> str | Secret | None:
        self.asked += 1
        answer = self._answers.pop(0)
        await self.may_answer.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]


async def test_a_hundred_calls_that_notice_ask_once_and_all_get_the_token() -> None:
    hook = Hook("new")
    hook.may_answer.clear()
    renewal = SessionRenewal(hook)
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(renewal.renew(OLD, OLD)) for _ in range(100)]
        await asyncio.sleep(0)
        hook.may_answer.set()
    assert {task.result() for task in waiting} == {NEW}
    assert hook.asked == 1


async def test_a_call_that_left_before_the_renewal_takes_what_is_there() -> None:
    hook = Hook()
    assert await SessionRenewal(hook).renew(OLD, NEW) == NEW
    assert hook.asked == 0


async def test_the_next_dead_token_is_renewed_too() -> None:
    hook = Hook("new", Secret("newer"))
    renewal = SessionRenewal(hook)
    assert await renewal.renew(OLD, OLD) == NEW
    assert await renewal.renew(NEW, NEW) == Secret("newer")
    assert hook.asked == 2


async def test_everybody_gets_the_failure_and_nobody_asks_again() -> None:
    hook = Hook(ValueError("no phone"))
    renewal = SessionRenewal(hook)
    outcomes = await asyncio.gather(
        *(renewal.renew(OLD, OLD) for _ in range(5)), return_exceptions=True
    )
    outcomes.append(await asyncio.gather(renewal.renew(OLD, OLD), return_exceptions=True))
    assert [str(each) for each in outcomes[:5]] == ["no phone"] * 5
    assert hook.asked == 1


async def test_a_failed_renewal_can_be_asked_for_again_by_name() -> None:
    hook = Hook(ValueError("no phone"), "new")
    renewal = SessionRenewal(hook)
    with pytest.raises(ValueError, match="no phone"):
        await renewal.renew(OLD, OLD)
    assert await renewal.refresh(OLD) == NEW


@pytest.mark.parametrize("nothing", [None, "", Secret("")])
async def test_a_hook_without_a_token_means_log_in_again(nothing: object) -> None:
    with pytest.raises(TokenException, match="no new one") as failure:
        await SessionRenewal(Hook(nothing)).renew(OLD, OLD)
    assert "patang login" in failure.value.remedy


async def test_a_cancelled_call_leaves_the_login_to_the_next() -> None:
    hook = Hook("unheard", "new")
    hook.may_answer.clear()
    renewal = SessionRenewal(hook)
    first = asyncio.ensure_future(renewal.renew(OLD, OLD))
    second = asyncio.ensure_future(renewal.renew(OLD, OLD))
    await asyncio.sleep(0)
    first.cancel()
    hook.may_answer.set()
    assert await second == NEW
    assert first.cancelled()


async def test_a_plain_hook_as_the_official_client_takes_it_works_too():
    renewal = SessionRenewal(lambda: "fresh")
    assert await renewal.renew(Secret("dead"), Secret("dead")) == Secret("fresh")


async def test_a_plain_hook_that_only_prints_leaves_the_session_dead():
    renewal = SessionRenewal(lambda: None)
    with pytest.raises(TokenException, match="no new one"):
        await renewal.renew(Secret("dead"), Secret("dead"))
