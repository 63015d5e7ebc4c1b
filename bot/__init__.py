"""The roof: wiring, the road in and out, the clock, the web pages, the playground, commands."""
