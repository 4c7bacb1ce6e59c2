"""One program: train, evaluate, serve and predict the stars of a review."""
