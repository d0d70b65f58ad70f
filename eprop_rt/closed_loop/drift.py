"""What the times and lengths of a centre-out task must not let pass: success without a decoder."""

from typing import Protocol

from eprop_rt.errors import ConfigError


class Stages(Protocol):
    """The stages of a trial: a pause, the centre to be earned, and the reach."""

    @property
    def distance_cm(self) -> float:
        """Of a target from the centre."""

    @property
    def radius_cm(self) -> float:
        """Of a target."""

    @property
    def hold_s(self) -> float:
        """How long a target must be held."""

    @property
    def centre_radius_cm(self) -> float:
        """Of the centre."""

    @property
    def centre_hold_s(self) -> float:
        """How long the centre must be held."""

    @property
    def timeout_s(self) -> float:
        """The time limit of each stage."""

    @property
    def pause_s(self) -> float:
        """How long nothing is shown."""


def refuse_short_limit(stages: Stages) -> None:
    """Raise ConfigError where a hold is as long as the time that a stage has."""
    if stages.hold_s >= stages.timeout_s or stages.centre_hold_s >= stages.timeout_s:
        raise ConfigError(
            f"hold_s {stages.hold_s} and centre_hold_s {stages.centre_hold_s} must be shorter than "
            f"timeout_s {stages.timeout_s}: raise timeout_s"
        )


def refuse_drift(stages: Stages) -> None:
    """Raise ConfigError where some constant velocity holds the centre and then reaches a target."""
    start_s = stages.pause_s + stages.centre_hold_s
    least_cm = stages.distance_cm - stages.radius_cm
    slowest_cm_s = least_cm / (start_s + stages.timeout_s - stages.hold_s)
    if stages.centre_radius_cm >= slowest_cm_s * start_s:
        raise ConfigError(
            f"a drift of {slowest_cm_s:.2f} cm/s would hold the centre and reach a target; "
            f"expected centre_radius_cm below {slowest_cm_s * start_s:.2f}, got "
            f"{stages.centre_radius_cm}: lower it or timeout_s, or raise centre_hold_s"
        )
