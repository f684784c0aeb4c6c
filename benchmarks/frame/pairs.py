"""Ratios that a busy machine does not bend: all paths run in turn, and are compared round by round."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

FEWEST_ROUNDS = 3

Samples = dict[str, list[float]]
"""The measurements of each path, in the order of the rounds."""


class Ratio(NamedTuple):
    """The median of the rounds' ratios, and the bounds between which their median lies nineteen times of twenty."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


def interleave(
    paths: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    seconds_left: Callable[[], float],
    clock: Callable[[], float] = time.process_time,
) -> Samples:
    """Runs each path once a round, in an order that changes, and gives its samples by `clock`: CPU seconds by default.

    One round before that warms up. Ends early, after FEWEST_ROUNDS at least, when no seconds are left.
    """
    samples: Samples = {name: [] for name in paths}
    names = list(paths)
    for number in range(rounds + 1):
        random.shuffle(names)
        for name in names:
            gc.collect()
            started = clock()
            paths[name]()
            if number:
                samples[name].append(clock() - started)
        if number >= FEWEST_ROUNDS and seconds_left() <= 0:
            break
    return samples


def ratio(subject: Sequence[float], baseline: Sequence[float]) -> Ratio:
    """Compares two paths round by round."""
    return median_with_bounds([one / other for one, other in zip(subject, baseline, strict=True)])


def median_with_bounds(values: Sequence[float]) -> Ratio:
    """Gives the median and its bounds by order statistics (the sign test), which assume no distribution."""
    ordered, count = sorted(values), len(values)
    reach = int(0.98 * count**0.5 + 0.5)  # 1.96 standard deviations of a binomial, √n/2 each
    low, high = max(0, (count - 1) // 2 - reach), min(count - 1, count // 2 + reach)
    return Ratio(statistics.median(ordered), ordered[low], ordered[high])
