"""Limits of organizations: how much they may have, have, and have left."""

from vidcompute.services.quotas.models import HELD, Quota, Standing, Use, next_month, refusal, shown
from vidcompute.services.quotas.queries import allowed_requests, standing
from vidcompute.services.quotas.service import change, set_for_all, show, take, tell_of_near

__all__ = [
    "HELD",
    "Quota",
    "Standing",
    "Use",
    "allowed_requests",
    "change",
    "next_month",
    "refusal",
    "set_for_all",
    "show",
    "shown",
    "standing",
    "take",
    "tell_of_near",
]
