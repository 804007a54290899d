"""One file per stage; stages do not import each other."""
