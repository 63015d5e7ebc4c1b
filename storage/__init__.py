"""What we remember: tables, queries, migrations, shared state. Imports nothing of ours."""
