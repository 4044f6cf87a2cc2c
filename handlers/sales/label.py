"""Labels of parcels and of items, as PDFs. docs/api/sales.md#labels."""

from collections.abc import Sequence
from functools import partial

from core.http.declare import answers
from core.http.parameter import Parameter
from core.problem import Problem
from handlers.sales.label_paper import MOST_PLACES, SHEETS, Asked, item_labels, parcel_labels
from handlers.sales.paper import BINARY, DOWNLOAD, INVOICES, PDF, PaperHandler

# Of one file, as that of papers (MOST_ITEMS).
MOST_LABELS = 2000
MOST_COPIES, MOST_PARCELS = 100, 500


def counter(name: str, says: str, most: int) -> Parameter:
    return Parameter(name, says, {"type": "integer", "minimum": 1, "maximum": most})


OPTIONS = (
    Parameter("kind", "What is labelled; parcels without it.", {"type": "string", "enum": ["parcels", "items"]}),
    Parameter(
        "sheet",
        "The labels: 3 x 8 on A4 (63.5 x 33.9 mm), 2 x 7 on A4 (99.1 x 38.1 mm), or 100 x 150 mm of a label printer. 3x8 without it.",
        {"type": "string", "enum": list(SHEETS)},
    ),
    counter("from", "The place of the first free label on a sheet that has been used, row by row.", MOST_PLACES),
    counter("copies", "How often each label is there.", MOST_COPIES),
    counter("parcels", "How many parcels each invoice has; their labels are numbered.", MOST_PARCELS),
    DOWNLOAD,
)


class LabelHandler(PaperHandler):
    async def show_labels(self, ids: Sequence[int]) -> None:
        """Raises Problem: 400 a wrong parameter, or more than MOST_LABELS; 404."""
        kind, sheet = self.chosen("kind", ("parcels", "items")), self.chosen("sheet", tuple(SHEETS))
        first = self.number("from", SHEETS[sheet].sheet.labels)
        asked = Asked(sheet, first, self.number("copies", MOST_COPIES), self.number("parcels", MOST_PARCELS))
        if kind == "items":
            write, most = partial(item_labels, asked=asked), MOST_LABELS // asked.copies
            await self.show("item-label", ids, write, asked, most_items=most)
            return
        labels = len(ids) * asked.parcels * asked.copies
        if labels > MOST_LABELS:
            raise Problem(400, "too-many", f"A file has at most {MOST_LABELS} labels; these are {labels}.")
        await self.show("label", ids, partial(parcel_labels, asked=asked), asked)


class Labels(LabelHandler):
    parameters = OPTIONS

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Print labels for the parcels of an invoice, or for its items, as a PDF. 200; 304; 400 a wrong parameter, or more than 2,000 labels;
        404."""
        await self.show_labels([int(id)])


class LabelsOfSeveral(LabelHandler):
    parameters = (INVOICES, *OPTIONS)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """Print labels for several invoices, one after the other on the same sheets. 200; 304; 400 a wrong parameter, or more than 2,000
        labels; 404 an invoice doesn't exist."""
        await self.show_labels(self.invoices())


groups = ("Invoices: papers", "Staff: papers")
routes = [
    ("/api/sales/invoices/{id:int}/labels/", Labels),
    ("/api/sales/papers/labels/", LabelsOfSeveral),
]
