"""What crosses a process boundary: messages, their bytes, and descriptions of streams."""
