"""What runs inside a Ray cluster, and the process that speaks to it.

`node` is on each node: the warm runner that attempts are forked from. `attempt` is one attempt as Ray sees it: what it
needs, its events, its end. `bridge` is the one process beside a server that is a driver of Ray: when the cluster breaks
under it, the server only has to start it again. Nothing here is imported by the server itself.
"""
