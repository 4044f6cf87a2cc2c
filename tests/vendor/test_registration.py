"""Registration of vendors, and new passwords by GST number. docs/api/vendor.md#registration."""

import asyncio

import pytest

from handlers.vendor.password import REFUSED
from tests.support.http import PASSWORD

pytestmark = pytest.mark.gen_test

WANTED = {
    "username": "newvendor",
    "email": "newvendor@example.com",
    "password": "secret1",
    "password_confirm": "secret1",
    "business_name": "New Business Store",
    "phone": "+1234567890",
    "gst_no": "29NEWVENDOR1234F1Z5",
    "address": "123 Main St, City, State",
}


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("DELETE FROM accounts.account WHERE role IN ('VENDOR', 'EMPLOYEE')"))


@pytest.fixture
def register(api):
    async def register(**changed):
        body = {name: value for name, value in {**WANTED, **changed}.items() if value is not ...}
        return await api.post("/auth/register", body)

    return register


def refused(**fields):
    return 400, {"error": "Registration failed", "details": {name: [message] for name, message in fields.items()}}


async def test_a_registration_waits_for_approval(api, register, db):
    answer = await register()
    assert (answer.status, answer.json) == (
        201,
        {
            "message": "Registration successful. Your vendor account is pending approval. Please wait for admin approval.",
            "username": "newvendor",
            "business_name": "New Business Store",
            "status": "pending_approval",
        },
    )
    sign_in = {"username": "newvendor", "password": "secret1"}
    assert (await api.post("/auth/login", sign_in)).status == 403
    await db.execute("UPDATE accounts.account SET is_active = true WHERE username = 'newvendor'")
    await db.execute("UPDATE vendor.vendor SET is_approved = true WHERE gst_no = $1", WANTED["gst_no"])
    found = (await api.post("/auth/login", sign_in)).json["vendor"]
    assert (found["business_name"], found["gst_no"], found["fssai_license"]) == (
        "New Business Store",
        WANTED["gst_no"],
        None,
    )


async def test_all_that_is_taken_is_named_at_once_ignoring_case(register, db):
    await register()
    answer = await register(username="NewVendor", email="NEWVENDOR@example.com")
    assert (answer.status, answer.json) == refused(
        username="Username already exists.",
        email="Email already registered.",
        gst_no="GST number already registered.",
    )
    assert await db.fetchval("SELECT count(*) FROM vendor.vendor") == 1


async def test_a_username_of_another_role_is_taken(register, account):
    await account("EMPLOYEE", "someone@example.com", username="Newvendor")
    answer = await register()
    assert (answer.status, answer.json) == refused(username="Username already exists.")


async def test_every_field_is_required_but_the_licence(api, register):
    answer = await api.post("/auth/register", {})
    assert (answer.status, answer.json) == refused(**{name: "This field is required." for name in WANTED})
    blank = await register(username=" ", business_name="", phone=" ", gst_no="", address="")
    names = ("username", "business_name", "phone", "gst_no", "address")
    assert (blank.status, blank.json) == refused(**{name: "This field may not be blank." for name in names})
    assert (await register(fssai_license="")).status == 201


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"email": "x"}, {"email": "Enter a valid email address."}),
        ({"password_confirm": "secret2"}, {"password": "Passwords do not match."}),
        (
            {"password": "short", "password_confirm": "short"},
            dict.fromkeys(("password", "password_confirm"), "Ensure this field has at least 6 characters."),
        ),
        (
            {"password": "x" * 73, "password_confirm": "x" * 73},
            {"password": "Ensure this field has no more than 72 bytes."},
        ),
        ({"phone": "1" * 21}, {"phone": "Ensure this field has no more than 20 characters."}),
        ({"username": "x" * 151}, {"username": "Ensure this field has no more than 150 characters."}),
        ({"gst_no": "x" * 51}, {"gst_no": "Ensure this field has no more than 50 characters."}),
        ({"business_name": None}, {"business_name": "This field may not be null."}),
    ],
)
async def test_wrong_fields_are_refused(register, db, changed, message):
    answer = await register(**changed)
    assert (answer.status, answer.json) == refused(**message)
    assert await db.fetchval("SELECT count(*) FROM vendor.vendor") == 0


@pytest.mark.parametrize("same", ["username", "email", "gst_no"])
async def test_of_registrations_at_once_with_the_same_value_one_succeeds(register, db, same):
    def changed(n):
        values = {"username": f"v{n}", "email": f"v{n}@example.com", "gst_no": f"G{n}"}
        return {**values, same: WANTED[same]}

    answers = await asyncio.gather(*(register(**changed(n)) for n in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 7
    assert {tuple(answer.json["details"]) for answer in answers if answer.status == 400} == {(same,)}
    assert await db.fetchval("SELECT count(*) FROM accounts.account WHERE role = 'VENDOR'") == 1


FORGOT, RESET = "/auth/forgot-password", "/auth/reset-password"


def new(one, password="new-secret", **changed):
    return {
        "username": one.username,
        "gst_no": one.gst_no,
        "new_password": password,
        "new_password_confirm": password,
        **changed,
    }


async def test_username_and_gst_number_verify(api, vendor):
    one = await vendor()
    answer = await api.post(FORGOT, {"username": one.username, "gst_no": one.gst_no})
    assert (answer.status, answer.json) == (
        200,
        {
            "message": "Username and GST number verified. You can now reset your password.",
            "username": one.username,
            "gst_no": one.gst_no,
            "business_name": one.business_name,
        },
    )


async def test_a_new_password_ends_the_token(api, vendor, token):
    one = await vendor()
    headers = await token(one)
    answer = await api.post(RESET, new(one))
    assert (answer.status, answer.json) == (
        200,
        {
            "message": "Password reset successful. You can now login with your new password.",
            "username": one.username,
        },
    )
    assert (await api.post("/auth/logout", headers=headers)).status == 401
    assert (await api.post("/auth/login", {"username": one.username, "password": PASSWORD})).status == 401
    assert await token(one, "new-secret") != headers


@pytest.mark.parametrize("change", ["role = 'SUPERADMIN'", "is_staff = true"])
async def test_the_gst_number_opens_no_account_that_may_do_more_than_a_vendor(api, vendor, token, db, change):
    one = await vendor()
    await db.execute(f"UPDATE accounts.account SET {change} WHERE id = $1", one.account_id)
    for path, sent in ((FORGOT, {"username": one.username, "gst_no": one.gst_no}), (RESET, new(one))):
        answer = await api.post(path, sent)
        assert answer.status == 400, answer.text
        assert answer.json["details"] == {"non_field_errors": ["Username does not belong to a vendor account."]}
    assert await token(one, PASSWORD)


async def test_what_does_not_belong_together_is_refused_with_the_sentences_of_each_step(api, vendor, account, db):
    one, pending, inactive = await vendor(), await vendor(is_approved=False), await vendor(is_active=False)
    without = await vendor()
    await db.execute("UPDATE vendor.vendor SET gst_no = NULL WHERE id = $1::text::uuid", without.id)
    await account("EMPLOYEE", "clerk@example.com", username="clerk")
    no_number = (
        "Your vendor account does not have a GST number. Please contact admin to add GST number for password reset."
    )
    for username, gst_no, first, second in (
        ("nobody", "x", "Username not found. Please check and try again.", "Username not found."),
        ("clerk", "x", *["Username does not belong to a vendor account."] * 2),
        (without.username, "x", *[no_number] * 2),
        (one.username, one.gst_no.lower(), *["Username and GST number do not match."] * 2),
        (
            pending.username,
            pending.gst_no,
            "Your vendor account is pending approval. Please contact admin.",
            "Your vendor account is pending approval.",
        ),
        (
            inactive.username,
            inactive.gst_no,
            "Your account is inactive. Please contact admin.",
            "Your account is inactive.",
        ),
    ):
        answer = await api.post(FORGOT, {"username": username, "gst_no": gst_no})
        failed = "Username and GST number verification failed"
        assert (answer.status, answer.json) == (400, {"error": failed, "details": {"non_field_errors": [first]}})
        answer = await api.post(RESET, new(one, username=username, gst_no=gst_no))
        failed = "Password reset failed"
        assert (answer.status, answer.json) == (400, {"error": failed, "details": {"non_field_errors": [second]}})


async def test_passwords_that_differ_or_are_too_short_change_nothing(api, vendor, token):
    one = await vendor()
    answer = await api.post(RESET, new(one, new_password_confirm="other-secret"))
    assert answer.json == {"error": "Password reset failed", "details": {"new_password": ["Passwords do not match."]}}
    answer = await api.post(RESET, new(one, "short"))
    short = ["Ensure this field has at least 6 characters."]
    assert answer.json["details"] == {"new_password": short, "new_password_confirm": short}
    await token(one)


async def test_refused_attempts_are_limited_and_in_the_audit(api, vendor, db):
    one = await vendor()
    for _ in range(REFUSED):
        assert (await api.post(RESET, new(one, gst_no="guessed"))).status == 400
    answer = await api.post(RESET, new(one))
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert (
        await db.fetchval("SELECT count(*) FROM operations.audit WHERE action = 'account.password-reset-refused'") == 1
    )


@pytest.mark.parametrize("changed_settings", [{"vendor_password_reset": False}])
async def test_new_passwords_by_gst_number_can_be_switched_off(api, vendor, changed_settings):
    one = await vendor()
    answers = [
        await api.post(FORGOT, {"username": one.username, "gst_no": one.gst_no}),
        await api.post(RESET, new(one)),
    ]
    said = {"error": "Password reset is switched off. Please contact admin."}
    assert [(answer.status, answer.json) for answer in answers] == [(403, said)] * 2
