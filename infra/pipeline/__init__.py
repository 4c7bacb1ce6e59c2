"""The SageMaker pipeline: a pure function from a stage to its definition."""
