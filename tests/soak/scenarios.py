"""All that is done to one daemon, in order."""

import random

from soak.crashes import (
    disk_full_for_a_moment,
    disk_full_for_long,
    disk_hangs,
    fresh_start_killed,
    guard_gives_up,
    killed,
    killed_together,
    killed_while_full,
    parents_killed,
    stopped_while_writing,
)
from soak.streams import (
    all_dead,
    clock_stepped,
    consumer_stalled,
    guard_steps_in,
    malformed_messages,
    not_numbers,
    samples_lost,
    some_dead,
    sources_killed,
)

SCENARIOS = (
    sources_killed,
    consumer_stalled,
    clock_stepped,
    samples_lost,
    some_dead,
    all_dead,
    guard_steps_in,
    not_numbers,
    malformed_messages,
    disk_full_for_a_moment,
    disk_hangs,
    disk_full_for_long,
    killed_while_full,
    killed,
    killed_together,
    parents_killed,
    stopped_while_writing,
    guard_gives_up,
    fresh_start_killed,
)


def seeded(seed):
    return random.Random(seed)
