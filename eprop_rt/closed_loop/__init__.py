"""Closed loops without a person: a population, a user, a task and a cursor, in pure numbers.

    User --intended velocity--> Population --counts--> decoder --command--> Cursor
      ^                                                                        |
      +------------- screen: cursor and target, seen late <---- CentreOut <----+

The target reaches the decoder through the user's intention alone. Lengths are in cm.
"""
