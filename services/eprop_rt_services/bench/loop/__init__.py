"""From a sample to its command, beside a bare relay: a sender, a relay, the daemon, two readers."""
