"""Gets published data into the data folder, checks it there, and removes it."""
