"""Distribution functions of Student's t and of the binomial, and the quantiles of t, to about 1e-12."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-15
# Lentz's method needs about the root of the larger parameter; this is far beyond it.
_MOST_TERMS = 100_000
_NORMAL = NormalDist()


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal lies with that probability."""
    return _NORMAL.inv_cdf(probability)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b).

    Source: NIST Digital Library of Mathematical Functions, 8.17.22, evaluated by the modified method of Lentz.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    # The fraction converges quickly below the mean alone.
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front / (a * _beta_fraction(a, b, x))


def _beta_fraction(a: float, b: float, x: float) -> float:
    value, numerator, denominator = 1.0, 1.0, 0.0
    for index in range(1, _MOST_TERMS):
        half = index // 2
        if index % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        denominator = 1.0 / _not_zero(1.0 + term * denominator)
        numerator = _not_zero(1.0 + term / numerator)
        change = numerator * denominator
        value *= change
        if abs(change - 1.0) < _PRECISION:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def t_above(value: float, freedom: float) -> float:
    """The probability that Student's t, of so many degrees of freedom, is above a value."""
    tail = 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + value * value))
    return tail if value >= 0 else 1.0 - tail


# A report asks for the same few again and again.
@functools.lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: float) -> float:
    """The value below which Student's t lies with that probability, by halving: the tail is monotonous."""
    if probability < 0.5:
        return -t_quantile(1.0 - probability, freedom)
    low, high = 0.0, 1.0
    while t_above(high, freedom) > 1.0 - probability:
        high *= 2.0
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return middle
        if t_above(middle, freedom) > 1.0 - probability:
            low = middle
        else:
            high = middle


def binomial_up_to(count: int, tries: int, probability: float) -> float:
    """The probability of at most so many successes."""
    if count < 0:
        return 0.0
    if count >= tries:
        return 1.0
    return incomplete_beta(tries - count, count + 1, 1.0 - probability)


def binomial_of(count: int, tries: int, probability: float) -> float:
    """The probability of exactly so many successes, for a probability between 0 and 1."""
    return math.exp(
        math.lgamma(tries + 1)
        - math.lgamma(count + 1)
        - math.lgamma(tries - count + 1)
        + count * math.log(probability)
        + (tries - count) * math.log1p(-probability)
    )
