"""What an owner wants of its papers: currency, sheet, texts, logo, and the defaults of new quotes and invoices.

docs/api/books.md#preferences.
"""

import json

from core.data import sql
from core.files import images, media
from core.files.images import Limits
from core.files.storage import CONTENT_TYPES
from core.http.declare import answers, body
from core.http.stored_file import FILE
from core.problem import Message, invalid, not_found
from handlers.api.books_handler import BooksHandler
from handlers.api.handler import MEDIA, gone

# An animation would lose its other frames on paper.
LIMITS = Limits(formats=("PNG", "JPEG", "WEBP"))
PREFIX = "logos"

query = sql.load("books/preferences")


class PreferencesHandler(BooksHandler):
    async def show_preferences(self, document: str | None) -> None:
        """Answer with the document and a link to the logo. Raises Problem 401 without one."""
        if document is None:
            # The account was deleted after the token was checked.
            raise gone()
        shown = json.loads(document)
        if shown["logo"]:
            shown["logo"] = await self.application.storage.link(self.origin, shown["logo"].removeprefix(MEDIA))
        self.set_header("Cache-Control", "private, no-cache")
        self.reply(shown)


class Preferences(PreferencesHandler):
    @answers(200, "books/preferences")
    async def get(self) -> None:
        """Show what the owner wants of its papers. 200."""
        await self.show_preferences(await query.get_preferences(self.db, owner_id=self.owner_id))

    @answers(200, "books/preferences")
    @body("books/preferences_patch")
    async def patch(self) -> None:
        """Change some of the preferences. Fields that the body omits stay. 200; 400 wrong fields."""
        changed = await query.change_preferences(self.db, owner_id=self.owner_id, body=self.body_text, actor=self.actor)
        await self.show_preferences(changed and changed["document"])

    put = patch


class PreferencesLogo(PreferencesHandler):
    @answers(200, FILE, media="image/*")
    async def get(self) -> None:
        """Read the picture of the logo. 200; 404 there is none; 503 the storage is away."""
        key = await query.get_logo(self.db, owner_id=self.owner_id)
        data = None if key is None else await self.application.storage.get(key)
        if data is None:
            raise not_found("There is no logo.")
        self.set_header("Content-Type", CONTENT_TYPES[key.rpartition(".")[2]])
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        # Another logo has the same address.
        self.set_header("Cache-Control", "private, no-store")
        self.reply(data)

    @answers(200, "books/preferences")
    @body("books/preferences_logo", files=("logo",))
    async def put(self) -> None:
        """Store the logo, in place of the one before. 200; 400 no picture, or a picture of more than 5 MB; 503 the storage is away."""
        image = await images.submitted(self, "logo", LIMITS)
        if image is None:
            raise invalid({"logo": [Message.of("required")]})
        await self._set(await media.store(self.application, image, f"{PREFIX}/{self.owner_id}"))

    @answers(200, "books/preferences")
    async def delete(self) -> None:
        """Remove the logo. 200."""
        await self._set(None)

    async def _set(self, key: str | None) -> None:
        changed = await query.set_logo(self.db, owner_id=self.owner_id, logo=key, actor=self.actor)
        if changed is not None:
            await media.remove_now(self.application, changed["replaced"])
        await self.show_preferences(changed and changed["document"])


groups = ("Books: papers",)
routes = [
    ("/api/books/preferences/", Preferences),
    ("/api/books/preferences/logo/", PreferencesLogo),
]
