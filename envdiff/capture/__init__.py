"""Getting a fingerprint: from an interpreter, from a running process, from whatever else can be reached."""
