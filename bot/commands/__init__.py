"""What an operator types: each command says what it did, and exits non-zero when it did not."""
