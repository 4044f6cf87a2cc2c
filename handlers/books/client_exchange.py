"""Clients as files: their export, and their import. docs/api/books.md#exports-and-imports."""

from core.http import schema
from handlers.books import columns, export
from handlers.books.client import EMAIL_EXISTS, ClientHandler, ClientList, check_phone, clients, query
from handlers.books.export import Export
from handlers.books.export_rows import Exported
from handlers.books.import_file import Imported
from handlers.books.importing import Import


class ClientExport(ClientList, Export):
    exported = Exported("clients", columns.CLIENTS, clients)
    parameters = export.parameters(ClientList.parameters)


class ClientImport(ClientHandler, Import):
    imported = Imported(
        schema.load("books/client_write"),
        columns.CLIENTS,
        (check_phone,),
        query.find_refusals,
        query.import_clients,
        {"stored": EMAIL_EXISTS, "repeated": {"email": ["Row {row} has the same email."]}},
        conflict="stored",
    )


exports = {"clients": ClientExport.exported}
groups = ("Books: clients",)
routes = [
    ("/api/clients/export/", ClientExport),
    ("/api/clients/import/", ClientImport),
]
