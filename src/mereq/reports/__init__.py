"""Statistics, tables and figures of studies and trials."""
