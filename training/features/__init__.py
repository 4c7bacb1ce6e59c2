"""From words to n-grams: what training and serving share. numpy alone."""
