import random
from statistics import fmean, pstdev

from patang.simulator import RandomSource, SeededSource


def test_stream_depends_on_the_seed_alone():
    first, second = SeededSource(7), SeededSource(7)
    assert [first.random() for _ in range(1200)] == [second.random() for _ in range(1200)]
    assert SeededSource(8).random() != SeededSource(7).random()


def test_first_number_is_the_same_on_every_machine():
    # 53 bits of the first little-endian word of SHAKE-128 over "7#0".
    assert SeededSource(7).random() == 0.5071891767426987


def test_split_stream_does_not_depend_on_what_was_drawn():
    drained = SeededSource(1)
    for _ in range(700):
        drained.random()
    assert drained.split("x").random() == SeededSource(1).split("x").random()
    assert SeededSource(1).split("x").random() != SeededSource(1).split("y").random()


def test_draws_have_the_moments_they_claim():
    source = SeededSource("moments")
    uniform = [source.random() for _ in range(20_000)]
    normal = [source.gauss(3.0, 2.0) for _ in range(20_000)]
    waits = [source.expovariate(0.25) for _ in range(20_000)]
    assert 0 <= min(uniform) < max(uniform) < 1
    assert abs(fmean(uniform) - 0.5) < 0.01
    assert abs(fmean(normal) - 3) < 0.05
    assert abs(pstdev(normal) - 2) < 0.05
    assert abs(fmean(waits) - 4) < 0.1
    assert {source.randrange(6) for _ in range(500)} == set(range(6))
    assert {source.choice("ab") for _ in range(50)} == {"a", "b"}


def test_random_of_the_standard_library_may_stand_in():
    source: RandomSource = random.Random(1)
    assert 0 <= source.random() < 1
