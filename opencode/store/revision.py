"""The newest revision of the schema that this program knows. Revisions are compared as text."""

HEAD = "0009"
"""The newest revision under migrations/versions/."""
