"""What follows from what? Each reaction gathers facts, asks `bot/`, saves, and returns the jobs that come next."""
