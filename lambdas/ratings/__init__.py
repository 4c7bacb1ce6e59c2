"""The API's function: parse, ask the model, answer, hand the observation over."""
