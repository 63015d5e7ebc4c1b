"""Points: what a fan owns and where it came from, and what staff gives or takes back."""
