"""Writes distributions.json beside it; needs SciPy and statsmodels, which nothing else here does.

python tests/golden/statistics/make.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

FREEDOMS = (1, 2, 3, 4.5, 9, 29, 64, 197, 1000, 12031, 60000)


def t_above() -> list[list[float]]:
    values = (-40.0, -2.5, -0.3, 0.0, 0.7, 1.96, 4.0, 12.0)
    return [[v, f, float(stats.t.sf(v, f))] for v in values for f in FREEDOMS]


def t_quantiles() -> list[list[float]]:
    return [
        [p, f, float(stats.t.ppf(p, f))] for p in (0.025, 0.2, 0.9, 0.975, 0.9995) for f in FREEDOMS
    ]


def incomplete_beta() -> list[list[float]]:
    pairs = ((0.5, 0.5), (1, 3), (2.5, 70), (400, 3), (6000, 6001), (0.5, 30000))
    values = (1e-9, 0.01, 0.3, 0.5, 0.501, 0.97, 0.999999)
    return [[a, b, x, float(special.betainc(a, b, x))] for a, b in pairs for x in values]


def binomial() -> list[list[float]]:
    cases = ((0, 1, 0.5), (3, 10, 0.5), (0, 40, 0.05), (880, 1800, 0.5), (5900, 12000, 0.5))
    return [
        [k, n, p, float(stats.binom.cdf(k, n, p)), float(stats.binom.pmf(k, n, p))]
        for k, n, p in cases
    ]


def wilson() -> list[list[float]]:
    cases = ((0, 10), (10, 10), (136, 198), (9000, 12032), (1, 3))
    found = []
    for k, n in cases:
        interval = stats.binomtest(k, n).proportion_ci(method="wilson")
        found.append([k, n, float(interval.low), float(interval.high)])
    return found


def mcnemar_exact() -> list[list[float]]:
    """The exact p, from which the mid-p follows by taking off the probability of what was seen."""
    cases = ((1, 0), (9, 2), (30, 41), (700, 812), (3, 3))
    return [
        [
            b,
            c,
            float(mcnemar([[50, b], [c, 50]], exact=True).pvalue),
            float(stats.binom.pmf(min(b, c), b + c, 0.5)),
        ]
        for b, c in cases
    ]


def clustered() -> list[dict[str, object]]:
    """Standard error of a mean, its degrees of freedom and the p of its t, from a regression on nothing."""
    random = np.random.default_rng(7)
    found = []
    for groups, largest in ((5, 3), (30, 8), (80, 12)):
        sizes = random.integers(1, largest + 1, groups)
        clusters = np.repeat(np.arange(groups), sizes)
        effect = random.normal(0.05, 0.2, groups)
        values = np.round(
            np.clip(effect[clusters] + random.normal(0, 0.4, len(clusters)), -1, 1), 3
        )
        fit = sm.OLS(values, np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
        )
        low, high = fit.conf_int()[0]
        found.append(
            {
                "values": values.tolist(),
                "clusters": clusters.tolist(),
                "mean": float(fit.params[0]),
                "variance": float(fit.bse[0] ** 2),
                "low": float(low),
                "high": float(high),
                "p": float(fit.pvalues[0]),
            }
        )
    return found


def holm() -> dict[str, list[float]]:
    given = [0.01, 0.04, 0.03, 0.005, 0.2, 0.9]
    return {"given": given, "adjusted": multipletests(given, method="holm")[1].tolist()}


def main() -> None:
    found = {
        "t_above": t_above(),
        "t_quantiles": t_quantiles(),
        "incomplete_beta": incomplete_beta(),
        "binomial": binomial(),
        "wilson": wilson(),
        "mcnemar": mcnemar_exact(),
        "clustered": clustered(),
        "holm": holm(),
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
    Path(__file__).with_name("distributions.json").write_text(
        f"{{\n{lines}\n}}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
