"""Random calls of the public functions, and what is right about each: `make fuzz`."""
