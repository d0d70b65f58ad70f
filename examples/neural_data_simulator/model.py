"""A population for the Neural Data Simulator: firing rates with cosine tuning to velocity."""

import numpy as np
from neural_data_simulator.core.models import EncoderModel
from neural_data_simulator.core.samples import Samples

ANGLES = np.random.default_rng(1).uniform(0, 2 * np.pi, 190)  # encoder.output.n_channels


class CosineTuning(EncoderModel):  # noqa: D101
    def encode(self, data: Samples) -> Samples:  # noqa: D102
        along = data.data[:, :2] @ np.array([np.cos(ANGLES), np.sin(ANGLES)])
        return Samples(timestamps=data.timestamps, data=np.maximum(0, 20 + 15 * along))


def create_model() -> EncoderModel:  # noqa: D103
    return CosineTuning()
