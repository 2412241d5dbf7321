"""What can go wrong with weights."""


class WeightsError(RuntimeError):
    """Weights that cannot be had or used. Its text tells an operator which file and which setting."""
