"""Who may do what: roles that services use, keys behind what they touch, and the decision log.

The one place that decides for `extension` and for `sagemaker`; MiniStack's evaluator does the work.
"""
