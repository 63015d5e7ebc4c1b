"""What we remember: tables, queries, migrations and shared state. Ground floor, imports nothing of ours."""
