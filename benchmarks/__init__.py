"""The figures: what the house costs beside a bare aiogram dispatcher, measured in one run."""
