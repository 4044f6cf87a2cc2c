"""Files in a bucket of S3, or of a service with the same protocol (Cloudflare R2, MinIO). Clients read from there, by pre-signed links.

Whatever is wrong with the bucket (unreachable, missing, an invalid key), an upload gets 503: the client can't correct it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from core.files.storage import CHUNK, away, is_shown
from core.problem import not_found

CONNECT_SECONDS, READ_SECONDS = 2, 5
# For one call with its retry, including the lookup of the host's name.
TOTAL_SECONDS = 12
# An upload has more time: what its bytes take on a slow line (4 Mbit/s). 100 MB have 212 s.
UPLOAD_BYTES_A_SECOND = 500_000
# Bytes of a file that are sent at once, and so are in memory; services take 5 MB or more. A larger file is sent in parts of this size.
PART = 8 << 20
ATTEMPTS = 2
# A day. The file of a key never changes, so any value would be right.
CACHE_CONTROL = "max-age=86400"
# Remembered links.
MOST_LINKS = 10_000

_AWAY = (BotoCoreError, ClientError, OSError, TimeoutError)


class S3Storage:
    """Stores files in one bucket, with one client for the life of the process, opened at its first use (0.1 s).

    seconds: how long a link is valid. signs: False for a bucket that everyone may read; its links are unsigned. public_url: the
    address under which another server publishes the bucket; links are then unsigned and begin with it.
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
        # Cloudflare's page shows the endpoint followed by the bucket's name.
        self._endpoint = endpoint.rstrip("/").removesuffix(f"/{bucket}") or None
        self._config = AioConfig(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=20,
            # AWS expects the bucket in the host's name, for which other services may have no DNS entry. A name with dots doesn't match
            # the certificate of AWS.
            s3={"addressing_style": "path" if self._endpoint or "." in bucket else "virtual"},
            # Only our settings count, not those of a ~/.aws/config.
            ignore_configured_endpoint_urls=True,
            # R2 and older versions of MinIO refuse the checksums that botocore adds since 2025.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._exits = AsyncExitStack()
        # By key: a link, its disposition, and until when that link is given out (monotonic).
        self._links: dict[str, tuple[str, str, float]] = {}

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
            async with asyncio.timeout(_seconds(len(data))):
                await client.put_object(Bucket=self._bucket, Key=key, Body=data, **_headers(content_type))
        except _AWAY as error:
            raise away(error) from error

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        with path.open("rb") as file:
            await self.put_from(key, file, content_type)

    async def put_from(self, key: str, source: IO[bytes], content_type: str) -> None:
        first = await asyncio.to_thread(source.read, PART)
        if len(first) < PART:
            await self.put(key, first, content_type)
            return
        try:
            await self._put_parts(key, first, source, content_type)
        except _AWAY as error:
            raise away(error) from error

    async def size(self, key: str) -> int | None:
        try:
            client = await self._open()
            async with asyncio.timeout(TOTAL_SECONDS):
                found = await client.head_object(Bucket=self._bucket, Key=key)
            return int(found["ContentLength"])
        except ClientError as error:
            # An answer to HEAD has no body, so all that it says is its status.
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise away(error) from error
        except _AWAY as error:
            raise away(error) from error

    async def _put_parts(self, key: str, part: bytes, file: IO[bytes], content_type: str) -> None:
        """Store a file in parts, one after the other: nothing of it can be read before the last call. part: the first one, which was read."""
        client, whole = await self._open(), {"Bucket": self._bucket, "Key": key}
        async with asyncio.timeout(TOTAL_SECONDS):
            begun = await client.create_multipart_upload(**whole, **_headers(content_type))
        whole["UploadId"] = begun["UploadId"]
        try:
            sent: list[dict[str, Any]] = []
            while part:
                number = len(sent) + 1
                async with asyncio.timeout(_seconds(len(part))):
                    answer = await client.upload_part(**whole, PartNumber=number, Body=part)
                sent.append({"PartNumber": number, "ETag": answer["ETag"]})
                part = await asyncio.to_thread(file.read, PART)
            async with asyncio.timeout(TOTAL_SECONDS):
                await client.complete_multipart_upload(**whole, MultipartUpload={"Parts": sent})
        except BaseException:
            # Parts that nobody asks for any more would stay, and be paid for.
            with contextlib.suppress(*_AWAY):
                async with asyncio.timeout(TOTAL_SECONDS):
                    await client.abort_multipart_upload(**whole)
            raise

    async def get(self, key: str) -> bytes | None:
        try:
            client = await self._open()
            async with asyncio.timeout(TOTAL_SECONDS):
                found = await client.get_object(Bucket=self._bucket, Key=key)
                return bytes(await found["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise away(error) from error
        except _AWAY as error:
            raise away(error) from error

    async def chunks(self, key: str) -> AsyncIterator[bytes]:
        try:
            client = await self._open()
            async with asyncio.timeout(TOTAL_SECONDS):
                found = await client.get_object(Bucket=self._bucket, Key=key)
            body = found["Body"]
            # The context ends the connection if the reader gives up.
            async with body:
                while chunk := await _within(body.read(CHUNK)):
                    yield chunk
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise not_found() from error
            raise away(error) from error
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

    async def link(self, origin: str, key: str, disposition: str = "") -> str:
        """Signing needs no request to the bucket, but takes 0.4 ms. So the same link is given out for the first half of its life, and
        browsers find the file in their cache."""
        if self._public_url:
            return f"{self._public_url}/{quote(key)}"
        link, its_disposition, until = self._links.get(key, ("", "", 0.0))
        if until > time.monotonic() and its_disposition == disposition:
            return link
        client = await self._open()
        params = {"Bucket": self._bucket, "Key": key}
        if disposition:
            params["ResponseContentDisposition"] = disposition
        link = await client.generate_presigned_url("get_object", Params=params, ExpiresIn=self._seconds)
        if not self._signs:
            link = link.partition("?")[0]
        if len(self._links) >= MOST_LINKS:
            self._links.clear()
        self._links[key] = (link, disposition, time.monotonic() + self._seconds / 2)
        return link

    def period(self) -> int:
        if self._public_url or not self._signs:
            return 0
        # A link is given out for the first half of its life, so after another quarter it is still valid.
        return int(time.time() / max(self._seconds / 4, 1))

    async def close(self) -> None:
        self._client = None
        await self._exits.aclose()


async def _within(read: Awaitable[bytes]) -> bytes:
    async with asyncio.timeout(TOTAL_SECONDS):
        return await read


def _seconds(size: int) -> float:
    """For one call that sends so many bytes."""
    return TOTAL_SECONDS + size / UPLOAD_BYTES_A_SECOND


def _headers(content_type: str) -> dict[str, str]:
    headers = {"ContentType": content_type, "CacheControl": CACHE_CONTROL}
    # A bucket sends none of our security headers.
    return headers if is_shown(content_type) else {**headers, "ContentDisposition": "attachment"}
