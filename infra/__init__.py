"""The app on AWS: what a stage is, the constructs, and the stacks that wire them."""
