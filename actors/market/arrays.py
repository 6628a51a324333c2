"""What a market's numbers are: one row or column of them, floats or whole numbers."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
