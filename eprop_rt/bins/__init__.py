"""From stamped samples and labels to bins with a global index."""
