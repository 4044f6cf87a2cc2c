"""The areas of each role (handlers/api/roles.py), as SQL is given them."""

import json

from handlers.api.roles import ROLES

AREAS = json.dumps(ROLES)
