"""One model, asked: over HTTP, and for whole files."""
