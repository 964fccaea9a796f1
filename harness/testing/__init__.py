"""What extensions must satisfy: checks that their authors can run."""
