"""The demonstration: three decoders, each with a cursor of its own and a copy of one person.

              LSL: counts                      ZeroMQ: commands
    brain  ----------------->  eprop-rt run  ------------------->  screen
      ^                             ^                                |
      |                             |  LSL: labels                   |
      |                             +--------------------------------+
      +------------ LSL: cursor and target, seen late <--------------+

A seat is these three processes. The seats run side by side and never meet: one learns by e-prop,
one by recursive least squares, one not at all. A fourth process starts and stops them, tells the
screens which trials to run and the daemons when to learn, and shows how they do.
"""
