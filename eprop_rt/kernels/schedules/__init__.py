"""Schedules of the synapse pass: four ways to the same weights.

dense        every synapse, every step
deferred     the rows of one group a step, R groups in turn; pending terms are vectors
accumulated  the gradient of R steps, then an optimiser
event        a row when it is read

All know nothing but vectors over j (psi, column) and over i (what enters a trace): `structs` says
what they keep, `dispatch` is how to call them, `allocate` how to begin.
"""
