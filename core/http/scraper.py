"""Who may read the metrics without an account: a program that knows METRICS_TOKEN, or is at an address of METRICS_ALLOW."""

import hmac
from ipaddress import ip_address

import tornado.httputil

from core.http import network
from core.settings import CoreSettings
from core.text import decoded


def admits(request: tornado.httputil.HTTPServerRequest, address: str, config: CoreSettings) -> bool:
    """Whether a request may read the metrics. address: of the client, as far as TRUSTED_PROXIES have written it."""
    return _has_token(request, config.metrics_token) or _is_near(request, address, config)


def _has_token(request: tornado.httputil.HTTPServerRequest, token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if not token or scheme.lower() != "bearer":
        return False
    # Takes the same time wherever the two differ.
    return hmac.compare_digest(decoded(sent).strip().encode(), token.encode())


def _is_near(request: tornado.httputil.HTTPServerRequest, address: str, config: CoreSettings) -> bool:
    if not network.among(address, config.metrics_allow):
        return False
    # A proxy that is not trusted says who asks, and is itself at an allowed address, such as loopback.
    if "X-Forwarded-For" in request.headers and not network.among(request.remote_ip or "", config.trusted_proxies):
        return False
    # A page of somebody else, whose name resolves to this machine (DNS rebinding), sends its own name as host. A scraper that asks by
    # address sends the address.
    return _is_address(request.host_name) or network.host_allowed(request.host_name, config.allowed_hosts)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
