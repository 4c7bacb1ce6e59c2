"""What normal looked like, and whether this window still looks like it."""
