"""The journal of a session: everything that went into the data path, in order, as XDF.

A folder holds segments (`journal-0001.xdf`, one a start of the daemon) and checkpoints. Samples,
labels and orders decide; commands are there to be compared; `reproduce` runs it all again, to the
bit.
"""
