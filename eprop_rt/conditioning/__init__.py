"""From raw chunks to clean ones: checks first, then conditioning.

One file a stage: its settings, its state, what it computes. `stages` knows them all, `chain` runs
those that work on samples, `after` those that work on bins. docs/conditioning.md lists them.
"""
