"""Pages that live: served by Bokeh to this machine, or elsewhere to who has a token."""
