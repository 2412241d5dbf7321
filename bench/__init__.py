"""Measurements: speed as ratios, and what survives when things are killed. None is part of the tests."""
