"""From stored results to statistics, figures and the report."""
