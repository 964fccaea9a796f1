"""Files that `optathlon init` writes; nothing imports them."""
