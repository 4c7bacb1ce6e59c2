"""A run of the Learn machine: why it starts, and how it ends."""

from __future__ import annotations

# the `reason` in the machine's input
DATASET, SCHEDULE, DRIFT, PERSON = "dataset", "schedule", "drift", "person"
WITHOUT_CHAMPION = "without_champion"  # a person's run that is not judged against the live model

# the `outcome`, once the pipeline has ended
REGISTERED, REFUSED, FAILED = "registered", "refused", "failed"
