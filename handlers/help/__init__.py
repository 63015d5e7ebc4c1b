"""The first words: start, help, about, and a kind answer to what nobody understood."""
