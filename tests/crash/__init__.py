"""The process is killed at any moment, and afterwards everything is counted."""
