"""A real worker process with the jobs of all areas, quick enough for tests: python -m tests.support.books_worker URL MAIL_PORT"""

import sys

from core import logs
from core.jobs.runner import Pace
from core.run.worker import work
from handlers.api import areas
from handlers.settings import Settings

if __name__ == "__main__":
    logs.configure(debug=False, as_json=False)
    config = Settings(
        secret_key="test-secret-key-of-at-least-32-bytes!",
        database_url=sys.argv[1],
        db_pool_size=4,
        email_host="localhost",
        email_port=int(sys.argv[2]),
        default_from_email="post@shop.example.com",
    )
    pace = Pace(poll=0.2, heartbeat=3.0, seen=0.5)
    sys.exit(work(config, areas.jobs(), [], lambda: print("works", flush=True), pace=pace, finish_seconds=1.0))
