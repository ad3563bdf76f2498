"""Write docs/astronaut.npy, the photograph of the tutorial, in grey and as large as AlexNet takes it.

The astronaut Eileen Collins, by NASA, is in the public domain and ships in scikit-image's wheel.
"""

from pathlib import Path

import numpy as np
from skimage import data, transform

SIDE = 227
GREY = (0.299, 0.587, 0.114)

photograph = transform.resize(data.astronaut(), (SIDE, SIDE), anti_aliasing=True, preserve_range=True)
np.save(Path(__file__).with_suffix(".npy"), (photograph @ GREY).round().astype(np.uint8))
