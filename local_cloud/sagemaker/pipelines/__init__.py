"""Pipelines and their executions, from the deployed definition."""
