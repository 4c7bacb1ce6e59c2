"""What a language detector answers for one sample."""

Prediction = tuple[str, float | None]  # an ISO 639 code, and the probability of it

UNDETERMINED = "und"  # too little to detect a language; see `short`
UNKNOWN: Prediction = (UNDETERMINED, None)
