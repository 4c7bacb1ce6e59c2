"""What a person does: run the loop, look, approve, release, roll back, sleep, wake, destroy."""
