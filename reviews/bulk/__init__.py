"""The rules of `reviews.rules` for a thousand reviews at a time, equal to them in every cell.

The strings of a chunk lie in one buffer; numpy over its bytes finds the few that need Python's
attention, and only those get it. Loads numpy, so it is imported where it is needed.
"""
