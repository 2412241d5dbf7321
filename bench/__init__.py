"""Measurements: speed as ratios, and what survives when things are killed. None of them is part of the tests."""
