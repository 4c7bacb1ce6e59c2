"""A run as MLflow keeps it."""
