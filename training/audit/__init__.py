"""What may be wrong in curated data: found, counted and listed, never dropped by itself."""
