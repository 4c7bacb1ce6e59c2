"""What answers: a model folder and its scorer. numpy alone."""
