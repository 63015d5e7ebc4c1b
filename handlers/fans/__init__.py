"""The room that every other may use: who the fans are, how they are called, what they speak."""
