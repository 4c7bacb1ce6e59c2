"""The Preprocess machine's functions: cut a raw object up, refine each part, list the dataset."""
