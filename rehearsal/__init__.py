"""A stage's own templates and commands, played through on this machine, scene by scene."""
