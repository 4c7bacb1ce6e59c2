"""Building blocks that constructs are made of; they import no construct."""
