"""The closed-loop bench over the wire: a task and a simulated user as programs of their own.

              LSL: counts                         ZeroMQ: commands
    simulator  --------------->  any decoder  ---------------------->  task  --> screens (ZeroMQ)
      ^                              ^                                  |
      |                              |  LSL: labels, markers            |
      |                              +----------------------------------+
      +------------- LSL: cursor and target, seen late <----------------+

Whatever reads Lab Streaming Layer and publishes commands over ZeroMQ can be put on this bench; the
demonstration is three of them side by side. What of the wire is bad is injected by the simulator.
"""
