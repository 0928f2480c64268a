"""The centre's file: Django's SQLite backend, whose switch to WAL is heard where it fails."""
