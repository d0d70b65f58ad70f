"""`python -m eprop_rt_services` is `eprop-rt`."""

from eprop_rt_services.cli import main

main()
