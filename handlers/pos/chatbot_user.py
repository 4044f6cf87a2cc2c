"""People who may talk to the shop's chatbot. docs/api/pos.md#chatbot-users."""

from core import text
from core.data import sql
from core.http import keyset
from core.http.declare import answers, body
from core.http.parameter import Parameter
from core.problem import invalid, not_found
from handlers.api.handler import PosHandler
from handlers.api.listing import PARAMETERS, array_of, reply_list
from handlers.pos import managing

NUMBER_EXISTS = {"mobile_number": ["chat bot users with this mobile number already exists."]}
NUMBER_STAYS = {"mobile_number": ["The mobile number of a chatbot user can't be changed."]}

query = sql.load("pos/chatbot_user")


class ChatbotUsers(PosHandler):
    access = managing
    parameters = PARAMETERS

    @answers(200, array_of("pos/chatbot_user"))
    async def get(self) -> None:
        """List the users of the chatbot, by mobile number. 200; 400 an invalid cursor."""
        await reply_list(
            self,
            lambda after, most: query.list_chatbot_users(self.db, after=after, most=most),
            start="",
            is_key=keyset.is_text,
        )

    @answers(201, "pos/chatbot_user")
    @body("pos/chatbot_user_write")
    async def post(self) -> None:
        """Let a person talk to the chatbot. 201; 400 wrong fields, or a mobile number that exists."""
        made = await query.create_chatbot_user(self.db, body=self.body_text, actor=self.actor)
        self.reply(made["document"], 201)


class ChatbotUser(PosHandler):
    access = managing
    path_parameters = (Parameter("number", "Its mobile number, as it was registered; `+` may be written as `%2B`."),)

    @answers(200, "pos/chatbot_user")
    async def get(self, number: str) -> None:
        """Show a user of the chatbot. 200; 404."""
        user = await query.get_chatbot_user(self.db, number=number)
        if user is None:
            raise not_found()
        self.reply(user)

    @answers(200, "pos/chatbot_user")
    @body("pos/chatbot_user_write")
    async def put(self, number: str) -> None:
        """Replace a user of the chatbot, whose mobile number stays. 200; 400 wrong fields, or another mobile number; 404."""
        await self._update(number)

    @answers(200, "pos/chatbot_user")
    @body("pos/chatbot_user_patch")
    async def patch(self, number: str) -> None:
        """Change a user of the chatbot, whose mobile number stays. 200; 400 wrong fields, or another mobile number; 404."""
        await self._update(number)

    async def delete(self, number: str) -> None:
        """Take a person from the chatbot. 204; 404."""
        if await query.delete_chatbot_user(self.db, number=number, actor=self.actor) is None:
            raise not_found()
        self.reply_nothing()

    async def _update(self, number: str) -> None:
        if text.cleaned(self.body.get("mobile_number", number)) != number:
            raise invalid(NUMBER_STAYS)
        changed = await query.update_chatbot_user(self.db, number=number, body=self.body_text, actor=self.actor)
        if changed is None:
            raise not_found()
        self.reply(changed["document"])


refusals = {"chatbot_user_pkey": (400, "number-exists", NUMBER_EXISTS["mobile_number"][0], NUMBER_EXISTS)}
groups = ("Shop: chatbot users",)
routes = [
    ("/api/chatbotusers/", ChatbotUsers),
    ("/api/chatbotusers/{number}/", ChatbotUser),
]
