"""Pictures in PDFs."""

import hashlib
import zlib
from io import BytesIO
from typing import Any, NamedTuple

from core.files.images import PIXELS

# Dots of a printer in each point; more would only make the file larger.
DOTS = 300 / 72


class Picture(NamedTuple):
    """A picture of so many points. pixels: how many there are in its width and height. data: their colours, in the form in which a PDF has
    them (FlateDecode). name: another one for other data."""

    pixels: tuple[int, int]
    data: bytes
    name: str
    width: float
    height: float

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        from reportlab.pdfbase.pdfdoc import PDFImageXObject

        # Canvas.drawImage would compress the picture again for each PDF, which takes longer than writing all the rest.
        document = canvas._doc
        its_name = document.getXObjectName(self.name)
        if its_name not in document.idToObject:
            shown = PDFImageXObject(self.name)
            shown.width, shown.height = self.pixels
            shown.bitsPerComponent, shown.colorSpace = 8, "DeviceRGB"
            shown._filters, shown.streamContent = ("FlateDecode",), self.data
            canvas._setXObjects(shown)
            document.Reference(shown, its_name)
            document.addForm(self.name, shown)
        canvas._currentPageHasImages = 1
        canvas.saveState()
        canvas.translate(left, bottom)
        canvas.scale(self.width, self.height)
        canvas.doForm(self.name)
        canvas.restoreState()


def picture(data: bytes, width: float, height: float) -> Picture | None:
    """The picture as large as fits into so many points, on white. None: that is no picture, or one of too many pixels. data: a file."""
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as found:
            if found.width * found.height > PIXELS:
                return None
            found.thumbnail((int(width * DOTS), int(height * DOTS)))
            with_alpha = found.convert("RGBA")
    except Exception:
        # Pillow's decoders let through whatever error they meet; a document without picture is better than none.
        return None
    white = Image.new("RGB", with_alpha.size, "white")
    white.paste(with_alpha, mask=with_alpha)
    scale = min(width / white.width, height / white.height)
    data = zlib.compress(white.tobytes(), 9)
    return Picture(white.size, data, hashlib.sha256(data).hexdigest(), white.width * scale, white.height * scale)
