"""One file per vendor, each behind a port; `main` alone imports them."""
