"""One run in one process: the loop, its accounts, clocks, isolation and journal."""
