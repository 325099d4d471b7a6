"""The measures, each with its reference rows."""
