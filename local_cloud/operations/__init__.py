"""Which operations of AWS are used, and the list of those that the emulator is held to."""
