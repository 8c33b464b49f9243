"""The log of a function: one JSON object a line, which CloudWatch takes from the standard output.

It has the form of the listener's JSON log, and does without the logging module, which alone would
take a quarter of the time in which a function refuses.
"""

import json
import sys
import time
from functools import lru_cache

_LOGGER = "almahook.receiver"

# json.dumps would make one for every value.
_encode = json.JSONEncoder(default=str).encode


def tell(level: str, event: str, **fields: object) -> None:
    """Write one line."""
    now = time.time()
    at = f"{_written(int(now))}.{int(now % 1 * 1000):03d}+00:00"
    # What is written in the code needs no escaping.
    head = f'"at": "{at}", "level": "{level}", "logger": "{_LOGGER}", "event": "{event}"'
    more = "".join([f', "{name}": {_encode(value)}' for name, value in fields.items()])
    sys.stdout.write(f"{{{head}{more}}}\n")


# Many lines are of the same second.
@lru_cache(maxsize=1)
def _written(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
