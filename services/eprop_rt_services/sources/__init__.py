"""Live streams: found, gated, aged and found again; what decides here imports no pylsl."""
