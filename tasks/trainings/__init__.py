"""Real trainings that need no download: collections by the library that trains, and a table of stored trials."""
