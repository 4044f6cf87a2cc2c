"""The settings of this server beside those of core."""

from dataclasses import dataclass
from zoneinfo import available_timezones

from core.product import NAME
from core.setting import boolean, header_key, number, one_of, setting
from core.settings import CoreSettings

# Requests within an hour, more than any server answers.
MOST_REQUESTS = 1_000_000_000


def timezone(value: str) -> str:
    """Read the name of a time zone."""
    if value not in available_timezones():
        raise ValueError("must be the name of a time zone, such as America/Mexico_City")
    return value


def lines(value: str) -> tuple[str, ...]:
    """Read several lines, which end with a newline or with its escape, a backslash and an n."""
    return tuple(line.strip() for line in value.replace("\\n", "\n").splitlines())


@dataclass(frozen=True)
class Settings(CoreSettings):
    """All settings of the server. A setting that the APIs' documents mention has its name from there."""

    sales_import_api_key: str = setting(
        "SALES_IMPORT_API_KEY",
        header_key,
        "X-API-KEY of the ERP that imports invoices; none: no key is accepted",
        default="",
        secret=True,
    )
    sales_public_read: bool = setting(
        "SALES_PUBLIC_READ",
        boolean,
        "anyone may read invoices and their stream, as the invoice document says; false: only people who are signed in",
        default=True,
    )
    workflow_require_self: bool = setting(
        "WORKFLOW_REQUIRE_SELF",
        boolean,
        "who picks, packs or delivers must be signed in themselves, except for administrators; false: anyone may scan anyone's e-mail",
        default=False,
    )
    password_policy: str = setting(
        "PASSWORD_POLICY",
        one_of("documented", "strict"),
        "documented: each API's new passwords as its document says; strict: the rules of the books API everywhere",
        default="documented",
    )
    refresh_token_rotation: str = setting(
        "REFRESH_TOKEN_ROTATION",
        one_of("off", "strict"),
        "off: a refresh token is good as long as its session; strict: for one renewal, and using an older one ends the session",
        default="off",
    )
    business_timezone: str = setting(
        "BUSINESS_TIMEZONE",
        timezone,
        "by whose clock the shop's days and hours are counted: promotions, birthdays, receipts, analytics",
        default="UTC",
    )
    receipt_header: tuple[str, ...] = setting(
        "RECEIPT_HEADER",
        lines,
        "the lines above each receipt, such as the shop's name, address and tax id, with \\n between them",
        default=(NAME,),
    )
    receipt_footer: tuple[str, ...] = setting(
        "RECEIPT_FOOTER", lines, "the lines below each receipt, with \\n between them", default=()
    )
    paper_header: tuple[str, ...] = setting(
        "PAPER_HEADER",
        lines,
        "the lines above each delivery note, such as the firm's name and address, with \\n between them; the first is on badges, too",
        default=(),
    )
    sign_up_open: bool = setting(
        "SIGN_UP_OPEN", boolean, "anyone may make themselves a MEMBER account; false: nobody", default=True
    )
    sign_ups_per_hour: int = setting(
        "SIGN_UPS_PER_HOUR", number(1, 1_000_000, "accounts"), "sign-ups from one address within an hour", default=100
    )
    rate_limit_authenticated: int = setting(
        "RATE_LIMIT_AUTHENTICATED",
        number(0, MOST_REQUESTS, "requests"),
        "books API: requests of one account within an hour; 0: no limit",
        default=1000,
    )
    rate_limit_anonymous: int = setting(
        "RATE_LIMIT_ANONYMOUS",
        number(0, MOST_REQUESTS, "requests"),
        "books API: requests from one address within an hour, of people who are not signed in; 0: no limit",
        default=100,
    )
    rate_limit_admin: int = setting(
        "RATE_LIMIT_ADMIN",
        number(0, MOST_REQUESTS, "requests"),
        "books API: requests of one administrator within an hour; 0: no limit",
        default=5000,
    )
    books_mails_per_day: int = setting(
        "BOOKS_MAILS_PER_DAY",
        number(0, MOST_REQUESTS, "mails"),
        "books: mails to clients that one account sends within 24 hours, and as many reminders; 0: none",
        default=50,
    )
    dashboard_connections: int = setting(
        "DASHBOARD_CONNECTIONS_PER_ACCOUNT",
        number(1, 1_000_000, "connections"),
        "dashboard: live streams and WebSockets that one account may have open in each process",
        default=20,
    )
    vendor_password_reset: bool = setting(
        "VENDOR_RESET_BY_GST_NO",
        boolean,
        "vendors may set a new password by username and GST number, which is printed on their bills; false: nobody",
        default=True,
    )
    webhook_allow_private: bool = setting(
        "WEBHOOK_ALLOW_PRIVATE",
        boolean,
        "webhooks may lead to this machine and its networks, also by http; on in the demo",
        default=False,
    )
    webhook_log_days: int = setting(
        "WEBHOOK_LOG_DAYS", number(4, 3650, "days"), "how long the deliveries of webhooks are kept", default=30
    )
    developer_options: bool = setting(
        "DEVELOPER_OPTIONS",
        boolean,
        "a SUPERADMIN may clear tables and reset sequences; on in the demo",
        default=False,
    )
