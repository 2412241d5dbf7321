"""`dreambot sandbox`: the real bot in a simulated Discord, to try it without an account."""
