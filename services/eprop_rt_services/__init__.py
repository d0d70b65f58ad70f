"""Daemons and the command line: clocks, sockets, files and logs; the numbers are the engine's."""
