"""The trial machine: one for every task, whose kinds are numbers.

PAUSE, nothing on the screen; then, where the task `homes`, HOME: bring the cursor to the centre and
hold it there; then REACH: go to the target and stay for the hold. Each stage has a time limit.

Of a grid (`cells` > 0) any cell is selected by staying in it, the one where the cursor stood at the
onset only once it was left; a wrong one ends the trial as a mistake.
"""

import math
from typing import NamedTuple

from eprop_rt.kernels import as_written
from eprop_rt.kernels.closed_loop.cursor import CursorState, put
from eprop_rt.kernels.closed_loop.draws import Draws, below, draw
from eprop_rt.structs import Floats, Ints

PAUSE, HOME, REACH = 0, 1, 2
# What happened, the least important first: the order of `eprop_rt.closed_loop.scene.Event`.
NONE, LEFT, ENTERED, TARGET_ON, FAILURE, SUCCESS = 0, 1, 2, 3, 4, 5
# Where the next target comes from: a shuffled table, any angle, anywhere, any cell of a grid.
TABLE, ANGLE, ANYWHERE, CELL = 0, 1, 2, 3
NEVER, ON_FAILURE, ALWAYS = 0, 1, 2  # when a trial's end puts the cursor back
TRIES = 100  # to find a target that is far enough away

# The columns of a result.
WON, WRONG, ENTRY_TICK, FIRST_ENTRY_TICK, HELD_TICK = 0, 1, 2, 3, 4
STRAIGHT, TRAVELLED, ANGLE_SUM, ANGLE_COUNT, TICKS, DISTANCE = 5, 6, 7, 8, 9, 10
COLUMNS = 11  # and the target's coordinates after them


class TrialParams(NamedTuple):
    """Geometry in cm, times in ticks."""

    homes: bool
    box: bool  # inside: every axis within the radius, not the distance
    puts_back: int
    source: int
    table: Floats  # (T, A)
    distance_cm: float
    reach_cm: float  # of ANYWHERE and CELL: targets lie within it on every axis
    radius_cm: float
    home_radius_cm: float
    hold: int
    home_hold: int
    timeout: int
    pause: int
    jump_share: float
    jump: int  # ticks after the onset
    cells: int  # along an axis; 0: no grid
    dt_s: float


class Screen(NamedTuple):
    """What there is to see beside the cursor."""

    target: Floats  # (A,) NaN: none
    radius: Floats  # (1,)


class TrialState(NamedTuple):
    """Where a trial stands."""

    screen: Screen
    phase: Ints  # (1,)
    clock: Ints  # (1,) ticks of the phase
    shown: Ints  # (1,) ticks since this target was shown
    ticks: Ints  # (1,) of the trial, pause included
    entered: Ints  # (1,) clock of the newest entry, -1: outside
    first_entered: Ints  # (1,) -1: never yet
    jumps: Ints  # (1,) 1: this trial's target will jump
    cell: Ints  # (1,) of a grid where the cursor is, or was at the onset; -2: beyond it
    order: Ints  # (T,) of the table
    left: Ints  # (1,) of the order
    target: Floats  # (A,) of this trial, shown or not
    start: Floats  # (A,) of the cursor at the onset
    last: Floats  # (A,) of the cursor a tick ago
    travelled: Floats  # (2,) since the onset, and that up to the newest entry
    straight: Floats  # (1,) from the start to the newest entry
    angle: Floats  # (2,) sum and count, before the first entry
    event: Ints  # (1,) the most important one since it was last set to NONE
    noted: Ints  # (1,) all of them since then, a bit each
    selected: Floats  # (A,) the middle of a cell that was selected since then, NaN: none was
    ended: Ints  # (1,) trials so far
    results: Floats  # (n, COLUMNS + A) of the newest trials
    draws: Draws


@as_written
def note(state: TrialState, event: int) -> None:
    """Remember an event, and the most important one."""
    state.event[0] = max(state.event[0], event)
    state.noted[0] |= 1 << event


@as_written
def begin(params: TrialParams, state: TrialState, phase: int, cursor: CursorState) -> None:
    """Start a phase: its clock, its screen, and what is followed of the cursor in it."""
    state.phase[0] = phase
    state.clock[0] = 0
    state.shown[0] = 0
    state.entered[0] = -1
    state.first_entered[0] = -1
    state.travelled[0] = 0.0
    state.angle[0] = 0.0
    state.angle[1] = 0.0
    radius = params.radius_cm if phase == REACH else params.home_radius_cm
    state.screen.radius[0] = 0.0 if phase == PAUSE else radius
    for a in range(state.target.shape[0]):
        shown = state.target[a] if phase == REACH else 0.0
        state.screen.target[a] = math.nan if phase == PAUSE else shown
        state.start[a] = cursor.position[a]
        state.last[a] = cursor.position[a]
    state.cell[0] = cell_of(params, cursor.position) if params.cells > 0 else -1
    state.jumps[0] = 1 if phase == REACH and draw(state.draws) < params.jump_share else 0
    if phase != PAUSE:
        note(state, TARGET_ON)


@as_written
def begin_trial(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """The pause before the next target; without a pause, what comes after it."""
    state.ticks[0] = 0
    choose(params, state, cursor)
    if params.pause > 0:
        begin(params, state, PAUSE, cursor)
    else:
        begin(params, state, HOME if params.homes else REACH, cursor)


@as_written
def choose(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """Draw the next target."""
    axes = state.target.shape[0]
    if params.source == TABLE:
        if state.left[0] == 0:
            shuffle(state)
        state.left[0] -= 1
        for a in range(axes):
            state.target[a] = params.table[state.order[state.left[0]], a]
    elif params.source == ANGLE:
        angle = 2.0 * math.pi * draw(state.draws)
        for a in range(axes):
            state.target[a] = params.distance_cm * math.cos(angle - 0.5 * math.pi * a)
    else:
        for _ in range(TRIES):
            square = 0.0
            for a in range(axes):
                state.target[a] = somewhere(params, state)
                way = state.target[a] - cursor.position[a]
                square += way * way
            if math.sqrt(square) >= params.distance_cm:
                break


@as_written
def somewhere(params: TrialParams, state: TrialState) -> float:
    """A coordinate within the reach; of a grid, the middle of a cell."""
    if params.source == CELL:
        width = 2.0 * params.reach_cm / params.cells
        return -params.reach_cm + width * (below(state.draws, params.cells) + 0.5)
    return params.reach_cm * (2.0 * draw(state.draws) - 1.0)


@as_written
def shuffle(state: TrialState) -> None:
    """A new order of the table (Fisher and Yates 1938)."""
    targets = state.order.shape[0]
    for n in range(targets):
        state.order[n] = n
    for n in range(targets - 1, 0, -1):
        other = below(state.draws, n + 1)
        kept = state.order[n]
        state.order[n] = state.order[other]
        state.order[other] = kept
    state.left[0] = targets


@as_written
def cell_of(params: TrialParams, position: Floats) -> int:
    """The number of the cell of the grid at a position (A,); beyond the grid -2."""
    width = 2.0 * params.reach_cm / params.cells
    index = 0
    for a in range(position.shape[0]):
        at = math.floor((position[a] + params.reach_cm) / width)
        if at < 0 or at >= params.cells:
            return -2
        index = index * params.cells + at
    return index


@as_written
def inside(params: TrialParams, state: TrialState, cursor: CursorState) -> bool:
    """Whether the cursor is within what the screen shows."""
    square, largest = 0.0, 0.0
    for a in range(state.target.shape[0]):
        way = cursor.position[a] - state.screen.target[a]
        square += way * way
        largest = max(largest, abs(way))
    distance = largest if params.box and state.phase[0] == REACH else math.sqrt(square)
    return bool(distance <= state.screen.radius[0])


@as_written
def follow(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """One tick, at whose end the cursor is where it is."""
    state.clock[0] += 1
    state.shown[0] += 1
    state.ticks[0] += 1
    if state.phase[0] == PAUSE:
        if state.clock[0] >= params.pause:
            begin(params, state, HOME if params.homes else REACH, cursor)
        return
    follow_path(params, state, cursor)
    hold = params.home_hold if state.phase[0] == HOME else params.hold
    held = state.entered[0] >= 0 and state.clock[0] - state.entered[0] >= hold
    if params.cells > 0 and state.phase[0] == REACH:
        if held and state.cell[0] >= 0:
            select(params, state, cursor)
            finish(params, state, cursor, inside(params, state, cursor), True)
            return
        held = False
    if held and state.phase[0] == HOME:
        begin(params, state, REACH, cursor)
    elif held:
        finish(params, state, cursor, True, False)
    elif state.clock[0] >= params.timeout:
        finish(params, state, cursor, False, False)
    elif state.jumps[0] == 1 and state.clock[0] >= params.jump:
        jump(params, state, cursor)


@as_written
def select(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """Remember the cell where the cursor is, right or wrong."""
    width = 2.0 * params.reach_cm / params.cells
    for a in range(state.target.shape[0]):
        at = math.floor((cursor.position[a] + params.reach_cm) / width)
        state.selected[a] = -params.reach_cm + width * (at + 0.5)


@as_written
def jump(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """Show another target in the middle of a reach."""
    state.jumps[0] = 0
    choose(params, state, cursor)
    for a in range(state.target.shape[0]):
        state.screen.target[a] = state.target[a]
    state.shown[0] = 0
    state.entered[0] = -1
    state.first_entered[0] = -1
    note(state, TARGET_ON)


@as_written
def follow_path(params: TrialParams, state: TrialState, cursor: CursorState) -> None:
    """Note the way, entries and exits; of a grid also the cell."""
    step, dot, way_square = 0.0, 0.0, 0.0
    for a in range(state.target.shape[0]):
        moved = cursor.position[a] - state.last[a]
        way = state.screen.target[a] - state.last[a]
        step += moved * moved
        way_square += way * way
        dot += moved * way
        state.last[a] = cursor.position[a]
    if state.first_entered[0] < 0 and step > 0.0 and way_square > 0.0:
        cosine = dot / math.sqrt(step * way_square)
        state.angle[0] += math.acos(min(max(cosine, -1.0), 1.0))
        state.angle[1] += 1.0
    state.travelled[0] += math.sqrt(step)
    is_in = inside(params, state, cursor)
    if params.cells > 0 and state.phase[0] == REACH:
        follow_cell(params, state, cursor, is_in)
    elif is_in and state.entered[0] < 0:
        enter(state, cursor)
    elif not is_in and state.entered[0] >= 0:
        state.entered[0] = -1
        note(state, LEFT)
    if is_in and state.first_entered[0] < 0:
        state.first_entered[0] = state.clock[0]


@as_written
def follow_cell(params: TrialParams, state: TrialState, cursor: CursorState, is_in: bool) -> None:
    """A dwell begins in the cell that is entered; beyond the grid there is none."""
    cell = cell_of(params, cursor.position)
    if state.entered[0] < 0 and cell == state.cell[0]:
        return  # where it stood at the onset, and not yet left
    if cell != state.cell[0] or state.entered[0] < 0:
        state.cell[0] = cell
        enter(state, cursor)
        if not is_in:
            note(state, LEFT)


@as_written
def enter(state: TrialState, cursor: CursorState) -> None:
    """What a result needs of the newest entry."""
    state.entered[0] = state.clock[0]
    state.travelled[1] = state.travelled[0]
    square = 0.0
    for a in range(state.target.shape[0]):
        way = cursor.position[a] - state.start[a]
        square += way * way
    state.straight[0] = math.sqrt(square)
    note(state, ENTERED)


@as_written
def finish(
    params: TrialParams, state: TrialState, cursor: CursorState, won: bool, selected: bool
) -> None:
    """Write the result down, and begin the next trial."""
    row = state.ended[0] % state.results.shape[0]
    state.results[row, WON] = 1.0 if won else 0.0
    state.results[row, WRONG] = 1.0 if selected and not won else 0.0
    state.results[row, ENTRY_TICK] = state.entered[0]
    state.results[row, FIRST_ENTRY_TICK] = state.first_entered[0]
    state.results[row, HELD_TICK] = state.clock[0]
    state.results[row, STRAIGHT] = state.straight[0]
    state.results[row, TRAVELLED] = state.travelled[1]
    state.results[row, ANGLE_SUM] = state.angle[0]
    state.results[row, ANGLE_COUNT] = state.angle[1]
    state.results[row, TICKS] = state.ticks[0]
    square = 0.0
    for a in range(state.target.shape[0]):
        way = state.target[a] - state.start[a]
        square += way * way
        state.results[row, COLUMNS + a] = state.target[a]
    state.results[row, DISTANCE] = math.sqrt(square)
    state.ended[0] += 1
    note(state, SUCCESS if won else FAILURE)
    if params.puts_back == ALWAYS or (params.puts_back == ON_FAILURE and not won):
        put(cursor, 0.0)
    begin_trial(params, state, cursor)
