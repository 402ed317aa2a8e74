from itertools import pairwise

import pytest

from patang.domain.errors import InvalidValue
from patang.simulator.identifiers import EPOCH_MS, OrderIds

# 2026-01-05 10:30:15.000 IST
SAMPLE_NS = 1_767_589_215_000 * 1_000_000


def test_id_of_the_worked_example():
    assert OrderIds(worker=6).make(SAMPLE_NS) == "2008040825287630848"


def test_top_bits_are_the_millisecond_of_placement():
    made = int(OrderIds().make(SAMPLE_NS + 999_999))
    assert (made >> 22) + EPOCH_MS == SAMPLE_NS // 1_000_000
    assert made >> 12 & 1023 == 1


def test_ids_rise_even_when_time_stands_or_steps_back():
    ids = OrderIds()
    made = [int(ids.make(SAMPLE_NS)) for _ in range(5000)]
    made.append(int(ids.make(SAMPLE_NS - 10**9)))
    made.append(int(ids.make(SAMPLE_NS + 10**9)))
    assert all(a < b for a, b in pairwise(made))
    assert made[-1] < 1 << 63


def test_worker_must_fit_its_bits():
    with pytest.raises(InvalidValue, match="1024"):
        OrderIds(worker=1024)
