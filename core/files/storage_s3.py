"""Files in a bucket of S3, or of what speaks its protocol (Cloudflare R2, MinIO). Clients read from there, by pre-signed links.

Whatever is wrong with it (out of reach, no such bucket, a key withdrawn) is a 503 for who uploads: nothing that they can mend.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from core.files.storage import away

CONNECT_SECONDS, READ_SECONDS = 2, 5
TOTAL_SECONDS = 12  # of one call with its retry, looking up the host's name included
ATTEMPTS = 2
CACHE_CONTROL = "max-age=86400"  # a key's file never changes, so a day is as good as any
MOST_LINKS = 10_000  # remembered

_AWAY = (BotoCoreError, ClientError, OSError, TimeoutError)


class S3Storage:
    """One bucket, one client for the life of the process, opened when first used (0.1 s).

    seconds: a link's life. signs: without, links are those of a bucket whose files anybody may read. public_url: where the
    bucket is served by its owner's own domain; links are then unsigned, below it.
    """

    def __init__(
        self,
        bucket: str,
        access_key: str,
        secret_key: str,
        *,
        region: str,
        endpoint: str = "",
        seconds: int = 3600,
        signs: bool = True,
        public_url: str = "",
    ) -> None:
        self._bucket, self._seconds, self._signs = bucket, seconds, signs
        self._public_url = public_url.rstrip("/")
        self._session = aioboto3.Session(
            aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region
        )
        # R2's own page shows the endpoint with the bucket behind it.
        self._endpoint = endpoint.rstrip("/").removesuffix(f"/{bucket}") or None
        self._config = AioConfig(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=20,
            # AWS wants the bucket in the host's name (but its certificate covers no name with dots); others may not have such names.
            s3={"addressing_style": "path" if self._endpoint or "." in bucket else "virtual"},
            ignore_configured_endpoint_urls=True,  # settings are ours, not those of some ~/.aws/config
            # The checksums that botocore began to add in 2025 are refused by R2 and older MinIOs.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._exits = AsyncExitStack()
        self._links: dict[str, tuple[str, float]] = {}  # key: its link, and until when that one is given (monotonic)

    async def _open(self) -> Any:
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    made = self._session.client("s3", endpoint_url=self._endpoint, config=self._config)
                    self._client = await self._exits.enter_async_context(made)
        return self._client

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        try:
            client = await self._open()
            async with asyncio.timeout(TOTAL_SECONDS):
                await client.put_object(
                    Bucket=self._bucket, Key=key, Body=data, ContentType=content_type, CacheControl=CACHE_CONTROL
                )
        except _AWAY as error:
            raise away(error) from error

    async def remove(self, key: str) -> None:
        self._links.pop(key, None)
        try:
            client = await self._open()
            async with asyncio.timeout(TOTAL_SECONDS):
                await client.delete_object(Bucket=self._bucket, Key=key)
        except _AWAY as error:
            raise away(error) from error

    async def link(self, origin: str, key: str) -> str:
        """Made without asking the bucket (0.4 ms), and given again for the first half of its life: browsers find the file in
        their cache, and a list with a hundred pictures costs next to nothing."""
        if self._public_url:
            return f"{self._public_url}/{quote(key)}"
        link, until = self._links.get(key, ("", 0.0))
        if until > time.monotonic():
            return link
        client = await self._open()
        link = await client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=self._seconds
        )
        if not self._signs:
            link = link.partition("?")[0]
        if len(self._links) >= MOST_LINKS:
            self._links.clear()
        self._links[key] = (link, time.monotonic() + self._seconds / 2)
        return link

    async def close(self) -> None:
        self._client = None
        await self._exits.aclose()
