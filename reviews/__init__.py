"""What a review is, and how raw ones become clean ones. Knows nothing of AWS or of models."""
