"""Seeds of tests that throw dice.

A gate judges a change: by default every run throws the same dice, on every machine, so that one
that fails fails again. Who looks for what nobody thought of asks for new ones, as `make faults`
does.
"""

from __future__ import annotations

import os
import time

FIXED = 20_240_229


def chosen_seed(variable: str = "EDEN_TEST_SEED") -> int:
    """Give the seed that ``variable`` holds; a new one where it says "new"; else a fixed one.

    ``EDEN_FAULT_ROUNDS``, which asks for longer rounds, asks for new dice too.
    """
    word = os.environ.get(variable, "new" if "EDEN_FAULT_ROUNDS" in os.environ else str(FIXED))
    chosen = time.time_ns() % 1_000_000 if word == "new" else int(word)
    print(f"{variable}={chosen}")
    return chosen
