"""Seeds of tests with random data.

By default every run uses the same seed, on every machine: a change is judged by the same data, and
a test that fails fails again. `make faults` draws new seeds, to find more.
"""

from __future__ import annotations

import os
import time

FIXED = 20_240_229


def chosen_seed(variable: str = "EDEN_TEST_SEED") -> int:
    """Return the seed, and print it as ``variable=seed``.

    The variable holds a number, or ``new`` for a new seed. Without the variable the seed is fixed,
    or new if ``EDEN_FAULT_ROUNDS`` asks for longer rounds.
    """
    word = os.environ.get(variable, "new" if "EDEN_FAULT_ROUNDS" in os.environ else str(FIXED))
    chosen = time.time_ns() % 1_000_000 if word == "new" else int(word)
    print(f"{variable}={chosen}")
    return chosen
