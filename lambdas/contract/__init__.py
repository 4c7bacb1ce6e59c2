"""Every name that the functions, the templates and the commands must agree on, written once.

Pure constants and functions. `infra` writes these names into templates, `operate` and the
functions read them; what a template or a document spells out is compared by a test.
"""
