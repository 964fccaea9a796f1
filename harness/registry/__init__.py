"""Finding things by name: entry points, plugin files, options and capabilities."""
