"""What do we say to people? One module per thing said; pure, escaped, within the host's limits."""
