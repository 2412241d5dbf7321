"""`dreambot sandbox`: the real bot in a simulated Discord, to try it without an account."""

from bot.sandbox.server import SAMPLES, Sandbox, open_sandbox

__all__ = ["SAMPLES", "Sandbox", "open_sandbox"]
