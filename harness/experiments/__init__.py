"""Many runs: the plan, the driver, and the executors that do them."""
