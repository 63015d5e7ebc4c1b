"""Groups and those who run them: adding the bot, what it can hear, who owns it."""
