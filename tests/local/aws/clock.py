"""The time factor: AWS's schedules run `REKEY_LOCAL_AWS_TIME_FACTOR` times faster, timestamps stay real.

Schedules are computed on a second, faster clock that agrees with the real one at the launcher's start. Only due times
cross between the two, so an event's `time`, a version's CreatedDate and NextRotationDate are real instants.
"""

import os
import time
from datetime import datetime, timezone

FACTOR = float(os.environ.get("REKEY_LOCAL_AWS_TIME_FACTOR", "1"))
if FACTOR <= 0:
    raise SystemExit("REKEY_LOCAL_AWS_TIME_FACTOR must be a positive number")

_START = time.time()


def fast(real):
    """The schedule's clock (Unix seconds) at a real instant."""
    return _START + (real - _START) * FACTOR


def real(fast_instant):
    """The real instant (Unix seconds) at which the schedule's clock shows `fast_instant`."""
    return _START + (fast_instant - _START) / FACTOR


def shorter(seconds):
    """How long AWS's `seconds` take here."""
    return seconds / FACTOR


def tick(seconds):
    """How often to look for something due, when AWS's own granularity would be `seconds`."""
    return max(0.05, min(seconds, seconds / FACTOR))


def now():
    """Unix seconds with the three decimals that AWS's JSON protocols carry."""
    return round(time.time(), 3)


def as_datetime(seconds):
    return datetime.fromtimestamp(seconds, tz=timezone.utc)
