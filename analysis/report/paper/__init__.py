"""What a paper takes from the report beside figures and tables: a paragraph on methods, its sources, and a document."""
