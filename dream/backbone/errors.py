"""The error of weights that cannot be loaded or fetched."""


class WeightsError(RuntimeError):
    """Weights that cannot be fetched or loaded. Its text names the file and the setting for the operator."""
