"""A process that grows is found, and one that only warms up is not."""

import os
import random

import pytest

from tests.soak.memory import Life, Memory, resident_mb


def life(megabytes_per_minute: float, minutes: float = 10, noise: float = 1.5) -> Life:
    chance, seconds = random.Random(1), range(0, round(minutes * 60), 2)
    sizes = [90 + megabytes_per_minute * second / 60 + chance.uniform(-noise, noise) for second in seconds]
    memory = Memory({"relay-0": list(zip(map(float, seconds), sizes, strict=True))})
    return memory.lives()[0]


@pytest.mark.parametrize("leak", [0.8, 2.0, 20.0])
def test_a_leak_is_found(leak: float) -> None:
    assert not life(leak).is_flat
    assert life(leak).slope == pytest.approx(leak, abs=0.2)


@pytest.mark.parametrize("slope", [-1.0, 0.0, 0.2])
def test_noise_is_no_leak(slope: float) -> None:
    assert life(slope).is_flat


def test_a_big_leak_is_found_in_five_minutes() -> None:
    assert not life(20.0, minutes=5).is_flat


def test_warming_up_is_no_leak() -> None:
    samples = [(float(second), 50 + min(second, 100) * 0.5) for second in range(0, 600, 2)]
    assert Memory({"api-0": samples}).lives()[0].is_flat


def test_a_life_that_was_hardly_warm_is_not_judged() -> None:
    assert Memory({"api-1": [(float(second), 50.0 + second) for second in range(200)]}).lives() == []


def test_the_memory_of_this_process_is_read_and_of_no_process_is_none() -> None:
    assert (resident_mb(os.getpid()) or 0) > 5
    assert resident_mb(2**22 + 1) is None
