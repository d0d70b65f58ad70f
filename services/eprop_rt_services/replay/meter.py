"""What a decoder takes, looked at every so often along a recording."""

from dataclasses import fields
from typing import Any

import numpy as np

from eprop_rt.cost import Cost
from eprop_rt.decoder import Decoder

EVERY = 200  # bins: looking takes as long as several


class Meter:
    """Costs of some bins, and their mean."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._bins = 0
        self._costs: list[Cost] = []

    def tick(self) -> None:
        """One bin was decoded."""
        self._bins += 1
        if self._bins % EVERY == 0:
            self._costs.append(self._decoder.cost())

    def mean(self) -> Cost:
        """Of all that was looked at, or of now."""
        costs = self._costs or [self._decoder.cost()]
        means: dict[str, Any] = {
            field.name: float(np.mean([getattr(cost, field.name) for cost in costs]))
            for field in fields(Cost)
        }
        return Cost(**means)
