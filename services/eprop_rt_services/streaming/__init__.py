"""Recordings as live streams, and live streams as a recording."""
