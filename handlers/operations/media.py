"""Uploaded files in the local folder, by signed links. docs/api/operations.md#media."""

from core.access import Access
from core.files import media
from core.http.stored_file import StoredFile
from handlers.api.dialects import OperationsDialect


class Media(StoredFile):
    dialect = OperationsDialect()
    groups = ("Server: uploaded files",)
    # Each link carries its permission; StoredFile.get checks the signature.
    access = Access("anyone with a signed link")
    authenticates = False


duties = media.duties
routes = [("/media/{path:path}", Media)]
