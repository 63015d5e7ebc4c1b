"""Check-in: one per fan and local day; days in a row make a streak."""
