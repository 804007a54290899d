"""The HTTP edge: routes, wire schemas, authentication, problem details."""
