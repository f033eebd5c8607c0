"""One reader for each file format; `readers` tells which."""
