"""Sizes that the API, the model's golden set and the records agree on."""

MAX_TITLE_CHARACTERS = 1_000
MAX_TEXT_CHARACTERS = 20_000
MAX_REVIEWS = 100  # in one request to the API
MAX_BODY_BYTES = 1 << 20  # of a request to the API
MAX_LINE_BYTES = 1 << 20  # of a raw record, without its newline
