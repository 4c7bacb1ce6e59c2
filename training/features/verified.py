"""Whether the purchase was verified as two columns: "not said" is neither."""

import numpy as np
from numpy.typing import ArrayLike

from reviews.verified import NO, YES
from training.features.tokens import FloatArray, HashArray

VERIFIED = ("verified_purchase", "unverified_purchase")
HIDE_ONE_IN = 4  # rows whose value is hidden while learning, so that "not said" is learned too


def flags(verified: ArrayLike | None, n: int) -> FloatArray:
    """(n, 2) one column for yes, one for no. verified: (n,) 1, 0, -1; None: none says it."""
    if verified is None:
        return np.zeros((n, len(VERIFIED)))
    said: FloatArray = (np.asarray(verified)[:, None] == (YES, NO)).astype(np.float64)
    return said


def hide_some(said: FloatArray, review_key: HashArray) -> FloatArray:
    """(n, 2) the flags with those of one row in HIDE_ONE_IN at 0, by the hash that keys are."""
    hidden = review_key % np.uint64(HIDE_ONE_IN) == 0
    learned: FloatArray = said * ~hidden[:, None]
    return learned
