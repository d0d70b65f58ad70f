"""Schedules of the synapse pass: four ways to the same weights, and one for approximate rules.

dense        every synapse, every step
deferred     the rows of one group a step, R groups in turn; pending terms are vectors
accumulated  the gradient of R steps, then an optimiser
event        a row when it is read
outer        every synapse, without eligibility traces: rules of rank one

All know nothing but vectors over j (psi, column, direct) and over i (presynaptic traces): `structs`
says what they keep, `dispatch` is how to call them, `allocate` how to begin.
"""
