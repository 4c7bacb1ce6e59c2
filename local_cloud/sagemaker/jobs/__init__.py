"""Training and processing jobs as local processes."""
