"""Settings of vendors' devices: a backup of each device, and a way for a new one to get them. docs/api/vendor.md#settings."""

from core.data import sql
from core.http.declare import answers, body
from core.http.parameter import Parameter
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.vendor.handler import VendorHandler, approved_vendor, refused

# Bytes. The settings of the documented app are some 2 KB.
LIMIT = 256 * 1024
DEVICE_ID = Parameter("device_id", "Only the settings of this device.")

query = sql.load("vendor/device_settings")


class PushSettings(VendorHandler):
    access = approved_vendor
    json_limit = LIMIT

    @answers(200, "vendor/device_settings")
    @answers(201, "vendor/device_settings")
    @body("vendor/device_settings_push")
    async def post(self) -> None:
        """Store the settings of a device. They replace what is stored of it. Without `settings_data` the whole body is stored. 200; 201 the
        first settings of this device; 400 no `device_id`, or wrong fields."""
        device_id = (self.body.get("device_id") or "").strip()
        if not device_id:
            raise refused("device_id required")
        stored = await query.push_settings(self.db, vendor_id=self.vendor_id, device_id=device_id, body=self.body_text)
        self.reply(stored["document"], 201 if stored["is_new"] else 200)


class Settings(VendorHandler):
    access = approved_vendor
    parameters = (DEVICE_ID, *PARAMETERS)

    @answers(200, array_of("vendor/device_settings"))
    async def get(self) -> None:
        """List the settings of the vendor's devices, by device. 200; 400 an invalid cursor."""
        device_id = self.asked("device_id") or None
        await reply_list(
            self,
            lambda after, most: query.list_settings(
                self.db, vendor_id=self.vendor_id, device_id=device_id, after=after, most=most
            ),
            start="",
            is_key=lambda value: isinstance(value, str),
        )


groups = ("Vendor: settings",)
routes = [("/settings/push/", PushSettings), ("/settings/", Settings)]
