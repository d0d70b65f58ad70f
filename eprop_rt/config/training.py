"""Training offline."""

from typing import Annotated, Literal

from pydantic import Field

from eprop_rt.config.quantities import NonNegative, Positive, Settings


class TrainingSettings(Settings):
    """Offline training of the same network on recordings."""

    method: Literal["bptt", "eprop"] = Field(
        "bptt", description="backpropagation through time, or e-prop by decoder.online.feedback"
    )
    through_recurrence: bool = Field(True, description="of bptt: gradients through the synapses")
    through_reset: bool = Field(True, description="of bptt: gradients through a spike's reset")
    epochs: Annotated[int, Field(gt=0)] = Field(100, description="passes over the fitted part")
    batch: Annotated[int, Field(gt=0)] = Field(
        16, description="segments whose gradients add up to one update"
    )
    segment_s: Positive | None = Field(
        None, description="of a recording, cut anew in every epoch; none: rehearsal.segment_s"
    )
    warm_up_s: NonNegative | None = Field(
        None, description="start of a segment without error; none: rehearsal.warm_up_s"
    )
    learning_rate: Positive = 3e-3
    final_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.02, description="share of the learning rate that the last epoch has; it falls in between"
    )
    clip_norm: Positive = Field(1.0, description="bound on the norm of an update's gradient")
    validation: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.125, description="share of the training part, its end, that decides what is best; 0: none"
    )
    patience: Annotated[int, Field(gt=0)] = Field(
        25, description="epochs in a row without a better validation loss that end the training"
    )
    curriculum_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="first epochs, over which segments grow to their length; 0: none"
    )
    curriculum_from_s: Positive | None = Field(
        None, description="length that they grow from; none: twice the warm-up"
    )
    threads: Annotated[int, Field(gt=0)] | None = Field(
        None, description="none: one a core; the result does not depend on it"
    )
