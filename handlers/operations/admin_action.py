"""What the administration does with several chosen rows, once it is confirmed. docs/api/operations.md#administration."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.http import form
from core.problem import Problem, not_found
from handlers.api.admin import Action, AdminHandler, Key, Table, each
from handlers.api.caller import ChangesCallers
from handlers.api.dialects import detail
from handlers.operations import admin_form, admin_view
from handlers.operations.admin import AdminPage

# Rows that one form can name: those of two pages of a list.
MOST_ROWS = 100
NOTHING_CHOSEN = "Items must be selected in order to perform actions on them. No items have been changed."
NO_ACTION = "No action selected."
DELETE = "delete"


class Act(ChangesCallers, AdminPage):
    async def post(self, area: str, name: str) -> None:
        """200 text/html: the question whether to do it; 302 to the list, once that was confirmed; 400, 403 or 409 text/html: the question with what is
        wrong; 403 the form is not ours; 404."""
        self.check_form()
        table = self.table(area, name)
        action = _action(table, self.form_value("action"))
        texts = [self.decode_argument(one, "keys") for one in form.parts(self.request)[0].get("keys", [])]
        back = self.own_address(table.path + _query(self.form_value("back")), table.path)
        if action is None or not texts:
            self.say(NO_ACTION if action is None else NOTHING_CHOSEN, "error")
            self.redirect(back)
            return
        if len(texts) > MOST_ROWS:
            raise Problem(400, "too-many", f"Choose at most {MOST_ROWS} rows at once.")
        keys = admin_view.chosen(table, texts)
        self.form_key = self.form_value(admin_form.FORM_KEY)
        typed = admin_form.sent(self, action.asks) if action.asks is not None else {}
        if self.form_value("confirmed") != "yes":
            await self._ask(table, action, keys, back, typed)
            return
        try:
            self.say(await self._done(action, keys, typed))
        except Exception as error:
            problem = await self.resolve(error)
            if problem.status not in admin_form.IN_FORM:
                raise
            if action.asks is not None:
                await self._ask(table, action, keys, back, typed, problem)
                return
            self.say(detail(self.dialect.worded(problem)), "error")
        self.redirect(back)

    async def _done(self, action: Action, keys: Sequence[Key], typed: Mapping[str, Sequence[str]]) -> str:
        """Do it, and return the sentence that says what was done. Raises Problem."""
        if action.asks is not None:
            admin_form.keep_filled(self, action.asks, typed)
            await self.read_form(action.asks)
        return await action.do(self, keys)

    async def _ask(
        self,
        table: Table,
        action: Action,
        keys: Sequence[Key],
        back: str,
        typed: Mapping[str, Sequence[str]],
        problem: Problem | None = None,
    ) -> None:
        """Show the question whether to do it, with what is asked for."""
        worded = self.dialect.worded(problem) if problem is not None else None
        fields = worded.fields if worded is not None and isinstance(worded.fields, Mapping) else {}
        if worded is not None:
            self.set_status(worded.status)
        self.show(
            "admin_confirm.html",
            table=table, action=action, rows=await admin_view.named(self, table, keys), back=back, label_of=admin_view.label_of,
            refusal=admin_form.summary(worded, action.asks),
            inputs=await admin_form.inputs(self, action.asks, typed, fields, is_new=True) if action.asks is not None else (),
            form_key=self.form_key or admin_form.new_key(),
        )  # fmt: skip


def _action(table: Table, name: str) -> Action | None:
    if name == DELETE and table.remove is not None:
        return _deletion(table)
    return next((action for action in table.actions if action.name == name), None)


def _deletion(table: Table) -> Action:
    """What Django's administration can do with every table."""
    remove: Any = table.remove

    async def delete(handler: AdminHandler, keys: Sequence[Key]) -> str:
        done, refused = await each(handler, keys, remove)
        said = f"Successfully deleted {done} of {len(keys)} {table.title.lower()}."
        return " ".join([said, *dict.fromkeys(refused)])

    return Action(DELETE, f"Delete selected {table.title.lower()}", delete, table.removal_warning, is_dangerous=True)


def _query(sent: str) -> str:
    """The query of the list from which the form came."""
    if not sent:
        return ""
    if not sent.startswith("?"):
        raise not_found()
    return sent


routes = [("/admin/{area}/{name}/action/", Act)]
