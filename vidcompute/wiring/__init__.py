"""Parts of the composition root: what `vidcompute.main` chooses by settings, a module for each kind of part."""
