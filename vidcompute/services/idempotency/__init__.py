"""Requests that carry an Idempotency-Key are carried out once; the same request again gets the same answer."""

from vidcompute.services.idempotency.service import LIFETIME_MS, Answer, KeyedRequest, RepeatedError, forget, purge

__all__ = ["LIFETIME_MS", "Answer", "KeyedRequest", "RepeatedError", "forget", "purge"]
