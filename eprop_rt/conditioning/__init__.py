"""From raw chunks to clean ones: checks first, then conditioning."""
