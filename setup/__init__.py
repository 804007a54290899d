"""Sets a checkout up: environment, web pages, and what the tests need. Standard library alone, Python 3.11+."""
