"""Rows: curated Parquet as it is read for training and evaluation."""
