"""Dreams something small and tells how long it took: `python -m dream.first_dream`, for `dreambot doctor`.

Prints one line of JSON: the names of the devices that TensorFlow sees, the seconds of the first dream, with
loading and compiling, and those of a second one of 256 pixels.
"""

import json
import time

import tensorflow as tf

from dream.dreamer import dream

if __name__ == "__main__":
    began = time.monotonic()
    dream(None, "block8+block11 octaves=1 steps=1 size=96 seed=0")
    first = time.monotonic()
    dream(None, "block8+block11 size=256 seed=0")
    devices = [device.name.rpartition("device:")[2] for device in tf.config.list_physical_devices()]
    print(json.dumps([devices, first - began, time.monotonic() - first]))
