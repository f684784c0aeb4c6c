"""Rate limits on the wire: the headers that show a client its quota."""

from chalicelib.domain.rate_limits import QuotaUsage


def quota_headers(usage: QuotaUsage) -> dict[str, str]:
    """Writes the quota's headers by draft-ietf-httpapi-ratelimit-headers-06; in seconds."""
    quota = usage.quota
    return {
        "RateLimit-Limit": str(quota.requests),
        "RateLimit-Remaining": str(usage.remaining),
        "RateLimit-Reset": str(usage.reset_seconds),
        "RateLimit-Policy": f"{quota.requests};w={quota.seconds}",
    }


def refusal_headers(usage: QuotaUsage) -> dict[str, str]:
    """Adds to the quota's headers in how many seconds to ask again."""
    return {"Retry-After": str(usage.retry_after_seconds), **quota_headers(usage)}
