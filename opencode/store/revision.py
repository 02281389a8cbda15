"""The newest revision of the schema that this program knows. Revisions are compared as text."""

HEAD = "0010"
"""The newest revision under migrations/versions/."""
