"""The fonts of PDFs, read when the first text needs them, and the one thread that writes PDFs. web/fonts; CONTRIBUTING.md#fonts."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeVar

from core.program import CODE

FONTS = CODE / "web" / "fonts"
LATIN, LATIN_BOLD = "NotoSans-Regular", "NotoSans-Bold"
# The first and the last character of each script's block in Unicode, its font, and its name in ISO 15924.
SCRIPTS = (
    (0x900, 0x97F, "NotoSansDevanagari-Regular", "Deva"),
    (0x980, 0x9FF, "NotoSansBengali-Regular", "Beng"),
    (0xA00, 0xA7F, "NotoSansGurmukhi-Regular", "Guru"),
    (0xA80, 0xAFF, "NotoSansGujarati-Regular", "Gujr"),
    (0xB00, 0xB7F, "NotoSansOriya-Regular", "Orya"),
    (0xB80, 0xBFF, "NotoSansTamil-Regular", "Taml"),
    (0xC00, 0xC7F, "NotoSansTelugu-Regular", "Telu"),
    (0xC80, 0xCFF, "NotoSansKannada-Regular", "Knda"),
    (0xD00, 0xD7F, "NotoSansMalayalam-Regular", "Mlym"),
)
# The first character of private use. Each font has characters of its own there, and no text may reach them.
PRIVATE = 0xE000
# Words whose letters stay placed: some 10 MB.
PLACED_WORDS = 4096

# Hold it while a PDF is written. ReportLab's fonts read their files then, which no two threads may do at the same time.
writing = threading.Lock()
# One thread, because writers would wait for one another anyway; in the threads of asyncio they would keep others from their work.
_thread = ThreadPoolExecutor(1, "paper")

Result = TypeVar("Result")


class Placed(NamedTuple):
    """Letters that are joined and placed. glyphs: what the canvas draws. width: in sizes of the font."""

    glyphs: str
    width: float


async def in_thread(work: Callable[[], Result]) -> Result:
    """What the work returns, which the thread that writes PDFs does, one after the other."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)


@cache
def font(name: str) -> Any:
    """The font web/fonts/NAME.ttf, which ReportLab knows from then on by its name."""
    # Importing it takes about 0.1 s, and most servers never write a PDF.
    from reportlab import rl_config
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    # Base 85 would make PDFs a quarter larger, and is written in Python. Nobody sends a PDF as text.
    rl_config.useA85 = 0
    found = TTFont(name, FONTS / f"{name}.ttf")
    registerFont(found)
    return found


@cache
def characters(name: str) -> frozenset[str]:
    """The characters that a font has."""
    return frozenset(chr(code) for code in font(name).face.charToGlyph if code < PRIVATE or code == 0xFFFD)


@lru_cache(PLACED_WORDS)
def placed(name: str, text: str) -> Placed:
    """The text of one script with its letters joined and placed by HarfBuzz.

    ReportLab's shapeStr does nearly the same. But it names glyphs without character in the order in which texts happen to use them, so
    that a PDF would depend on those before it, and its HarfBuzz assumes the language of the process.
    """
    import uharfbuzz
    from reportlab.pdfbase.ttfonts import ShapeData, ShapedStr

    face, harfbuzz = font(name).face, _harfbuzz(name)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.direction = "ltr"
    buffer.script = next(script for _, _, its_font, script in SCRIPTS if its_font == name)
    buffer.language = "und"
    uharfbuzz.shape(harfbuzz, buffer)
    glyphs, places, width = "", [], 0
    # The fonts have 1000 units an em, as PDFs count.
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        code = face.glyphToChar[info.codepoint][0]
        glyphs += chr(code)
        places.append(
            ShapeData(
                info.cluster,
                position.x_advance,
                position.y_advance,
                position.x_offset,
                position.y_offset,
                face.charWidths[code],
            )
        )
        width += position.x_advance
    return Placed(ShapedStr(glyphs, places), width / 1000)


@cache
def _harfbuzz(name: str) -> Any:
    """HarfBuzz's own view of a font. Each glyph gets a character, because ReportLab draws characters only."""
    import uharfbuzz

    face = font(name).face
    found = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob(face._ttf_data)))
    for glyph in range(found.face.glyph_count):
        if glyph not in face.glyphToChar:
            face.charToGlyph[PRIVATE + glyph] = glyph
            face.glyphToChar[glyph] = [PRIVATE + glyph]
            face.charWidths[PRIVATE + glyph] = found.get_glyph_h_advance(glyph)
    return found
