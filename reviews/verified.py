"""Whether the purchase was verified, as columns keep it: yes, no, or not said."""

YES, NO, NOT_SAID = 1, 0, -1
CODES: dict[bool | None, int] = {True: YES, False: NO, None: NOT_SAID}
VALUES: dict[int, bool | None] = {code: value for value, code in CODES.items()}
NAMES = {YES: "yes", NO: "no", NOT_SAID: "not said"}  # as reports name them
