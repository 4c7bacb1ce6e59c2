"""One program: train, evaluate, serve and predict the stars of a review."""

import os

# Before numpy is imported: on these sizes more threads cost more than they bring, and sums that
# are split otherwise on another machine would not repeat.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
