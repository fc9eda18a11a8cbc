"""One module a command: options in, one result written, an exit status out."""
