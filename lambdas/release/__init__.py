"""The Release machine's functions: may it go out, does it serve, does it answer, what is left."""
