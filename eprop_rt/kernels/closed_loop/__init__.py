"""The ticks of a closed loop, compiled: cursor, trial, user, population; one file each.

The order of a tick:

1. the cursor moves under the command of the last complete bin            (`cursor.move`)
2. the trial follows it, and may put it back at the centre                (`trial.follow`)
3. the user sees the screen, late or at once, and intends a velocity      (`user.see_and_intend`)
4. the population fires at that intention, into the counts of the bin     (`population.fire`)

The decoder has its turn at the end of a bin, outside: with one tick a bin and a user who sees at
once, nothing in the loop is late.

Letters: A axes, U units, F features of an intention, H hidden mixtures of them, L latents of shared
noise, R frames that are remembered, T targets in a table. Lengths in cm, velocities in cm/s; d, u
and v are distance and unit vector to the target and velocity of the cursor. Every state is an array
that is written in place, so that a copy of the arrays is a copy of the room.
"""
