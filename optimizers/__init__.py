"""One module per library: each adapts its methods to `optathlon.Optimizer`."""
