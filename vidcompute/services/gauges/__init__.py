"""How much there is of everything now: what the metrics sample."""

from vidcompute.services.gauges.models import DispatchState, Gauges, Lag, NodeUse
from vidcompute.services.gauges.queries import gauges, queued_ms

__all__ = ["DispatchState", "Gauges", "Lag", "NodeUse", "gauges", "queued_ms"]
