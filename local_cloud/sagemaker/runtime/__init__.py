"""What the parts of SageMaker share."""
