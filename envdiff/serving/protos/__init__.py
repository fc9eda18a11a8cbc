"""Messages of the server's config files: our own subset, compiled by protoc. Unknown fields are kept or skipped."""
