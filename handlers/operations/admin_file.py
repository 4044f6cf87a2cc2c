"""The register of uploaded files in the administration, which the program keeps by itself. docs/api/operations.md#administration."""

from core.data import sql
from core.http import keyset
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Table, superadmin

query = sql.load("operations/admin_file")

files = Table(
    area="operations",
    name="files",
    title="Files",
    one="file",
    about="Uploaded files. Those that no row uses are removed by themselves within an hour.",
    key={"key": "word"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("file", "File"),
        Column("created_at", "Stored", "moment", order="created_at"),
        Column("unused_from", "Unused from", "moment"),
    ),
    orders={
        "created_at": OrderColumn("f.created_at", "timestamptz", keyset.is_instant),
        "key": OrderColumn("f.key", "text", keyset.is_text),
    },
    usual=("-created_at",),
    ties=("key",),
    filters=(
        Filter("folder", "Folder, such as avatars", "text"),
        Filter("unused", "Used", choices=(("yes", "No row uses it"),)),
    ),
    shown=(
        Field("file", "File"),
        Field("picture", "Picture", "picture"),
        Field("created_at", "Stored", "moment"),
        Field("unused_from", "Unused from", "moment"),
    ),
    may_see=superadmin,
)

admin_tables = [files]
