"""Wiring and grants: the only places where capabilities meet."""
