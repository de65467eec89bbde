"""Hypothesis profiles: `quick` (the default) for every run, `long` for a night, by HYPOTHESIS_PROFILE."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

sys.path.insert(0, str(Path(__file__).parent))  # for `strategies`, which the tests of this folder share

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

STEADY = "CI" in os.environ  # there, the same examples every time: a change fails for what it changes
settings.register_profile("quick", max_examples=60, deadline=None, suppress_health_check=QUIET, derandomize=STEADY)
settings.register_profile("long", max_examples=3000, deadline=None, suppress_health_check=QUIET)
settings.register_profile(
    "mutation",
    max_examples=15,
    deadline=None,
    suppress_health_check=QUIET,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
)  # that a test fails is enough; why is not asked
settings.register_profile(
    "raw", max_examples=100, deadline=None, suppress_health_check=QUIET, phases=[Phase.reuse, Phase.generate]
)  # fails fast, without shrinking
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
