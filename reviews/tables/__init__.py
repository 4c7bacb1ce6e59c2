"""Files of reviews in other forms (CSV, TSV, Parquet, JSON) to JSON Lines of the schema of 2023.

`convert` finds out what a file is, which column is which field, and writes a line a row. What is no
stars or no text is written as it stands, so that preprocessing sets it aside with its reason.
"""
