"""Reading pages of the administration, as a browser without scripts does."""

import csv
import io
import re
from html import unescape
from html.parser import HTMLParser


class _Form(HTMLParser):
    """Collects what the form `edit` of a page sends: names with lists of values."""

    def __init__(self):
        super().__init__()
        self.found, self._is_in, self._select, self._text = {}, False, None, None

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if tag == "form":
            self._is_in = "edit" in (at.get("class") or "")
        elif not self._is_in:
            return
        elif tag == "input" and at.get("type") != "file" and "name" in at:
            if at.get("type") != "checkbox" or "checked" in at:
                self.found.setdefault(at["name"], []).append(at.get("value") or "")
        elif tag == "textarea":
            self._text = at["name"]
            self.found[self._text] = [""]
        elif tag == "select":
            self._select = at["name"]
        elif tag == "option" and self._select and (self._select not in self.found or "selected" in at):
            self.found[self._select] = [at["value"]]

    def handle_endtag(self, tag):
        if tag == "textarea" and self._text:
            # A line break directly behind the tag is not part of the text.
            self.found[self._text] = [self.found[self._text][0].removeprefix("\n")]
            self._text = None
        elif tag == "select":
            self._select = None
        elif tag == "form":
            self._is_in = False

    def handle_data(self, data):
        if self._text:
            self.found[self._text][0] += data


def filled(page, **typed):
    """What the form of a page sends when these values are typed into it."""
    form = _Form()
    form.feed(page.text)
    assert typed.keys() <= form.found.keys() | {"logo", "image"}, typed.keys() - form.found.keys()
    return {**{name: texts for name, texts in form.found.items() if name != "csrfmiddlewaretoken"}, **typed}


def names(page):
    """The rows of a list, as their first column calls them."""
    return [unescape(name) for name in re.findall(r'<a class="row" href="[^"]*">\s*([^<]*?)\s*</a>', page.text)]


def choices(page, name):
    """The titles of the columns of a list that it can be ordered by, or (name="filter") the names of its filters."""
    if name == "filter":
        return re.findall(
            r'<(?:select|input)[^>]* name="([a-z_]+)"',
            page.text.partition('<form class="filters"')[2].partition("</form>")[0],
        )
    return re.findall(r'<th scope="col"[^>]*><a href="[^"]*">([^<]*)</a>', page.text)


def problem(page, field):
    """What stands beside a field; None: nothing."""
    found = re.search(rf'id="{field}-problem"[^>]*>([^<]*)<', page.text)
    return unescape(found[1]) if found else None


def said(page):
    """The message on a page."""
    found = re.search(r'id="message"[^>]*>([^<]*)<', page.text)
    return unescape(found[1]).strip()


def table(answer):
    """The rows of a CSV file, by its heads."""
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def act(visitor, path, action, *keys, back=""):
    """Choose rows of a list and an action, and confirm it; the message that the list then shows."""
    asked = await visitor.post(f"{path}action/", {"action": action, "keys": list(keys), "back": back})
    assert asked.status == 200 and "Are you sure?" in asked.text, asked.text
    done = await visitor.post(
        f"{path}action/", {"action": action, "keys": list(keys), "back": back, "confirmed": "yes"}
    )
    assert done.status == 302, done.text
    return said(await visitor.get(done.headers["Location"]))


async def changed(visitor, path, files=None, **typed):
    """Type into the form of a row and save it; the answer."""
    return await visitor.send(path, filled(await visitor.get(path), **typed), files)


async def added(visitor, path, files=None, **typed):
    """Fill the form of a new row and save it; the answer."""
    return await visitor.send(f"{path}add/", filled(await visitor.get(f"{path}add/"), **typed), files)
