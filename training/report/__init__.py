"""What a person reads of an evaluation: report, plots, cards."""
