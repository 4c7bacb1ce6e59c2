"""The edges: event in, one domain call, answer out."""
