"""Results that ship with Optathlon: what every optimizer reaches on the shipped subsets.

`shipped/` has the runs with their incumbents, in four small tables for each part of a subset and each budget. They are
made from results folders by `packing`, read back as frames by `frames`, and put beside other results by `joining`.
`whole` keeps all trials, as an archive that `optathlon data fetch` can bring. `checking` examines an entry.
`leaderboard` makes a site of them.
"""
