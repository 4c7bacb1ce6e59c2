"""Ask the API once a minute, as a client does, and say whether it answered rightly."""
