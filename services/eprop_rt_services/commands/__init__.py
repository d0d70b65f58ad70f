"""The commands of `eprop-rt`, one file each: arguments in, tables and JSON out."""
