"""What the bot serves over HTTP: the webhook, health, metrics, and what the store remembers."""
