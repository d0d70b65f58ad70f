"""Child processes of a command: started together, watched, and gone when it is."""
