"""Pictures in PDFs."""

from io import BytesIO
from typing import Any, NamedTuple

from core.files.images import PIXELS

# Dots of a printer in each point; more would only make the file larger.
DOTS = 300 / 72


class Picture(NamedTuple):
    """A picture of so many points. image: as ReportLab takes it."""

    image: Any
    width: float
    height: float

    def draw(self, canvas: Any, left: float, bottom: float) -> None:
        canvas.drawImage(self.image, left, bottom, self.width, self.height)


def picture(data: bytes, width: float, height: float) -> Picture | None:
    """The picture as large as fits into so many points, on white. None: that is no picture, or one of too many pixels. data: a file."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader

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
    return Picture(ImageReader(white), white.width * scale, white.height * scale)
