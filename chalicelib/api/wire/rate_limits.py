"""Rate limits on the wire: the headers that show a client its quota."""

from chalicelib.domain.rate_limits import QuotaUsage


def quota_headers(usage: QuotaUsage) -> dict[str, str]:
    """Makes the headers that show a quota and its use, as in draft-ietf-httpapi-ratelimit-headers-06. Times are in
    seconds."""
    quota = usage.quota
    return {
        "RateLimit-Limit": str(quota.requests),
        "RateLimit-Remaining": str(usage.remaining),
        "RateLimit-Reset": str(usage.seconds_until_all_free),
        "RateLimit-Policy": f"{quota.requests};w={quota.seconds}",
    }


def refusal_headers(usage: QuotaUsage) -> dict[str, str]:
    """Makes the headers of a refused request: those of the quota, and Retry-After in seconds."""
    return {"Retry-After": str(usage.seconds_until_next_admitted_or_zero), **quota_headers(usage)}
