"""Results that come with Optathlon, and the leaderboard that is made of them."""
