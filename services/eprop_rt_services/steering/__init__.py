"""The page of `eprop-rt task --mouse`: where a person points is what the user intends."""
