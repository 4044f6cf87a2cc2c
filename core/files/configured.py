"""The file storage that the settings name."""

from pathlib import Path

from core.files.storage import LocalStorage, Storage
from core.settings import CoreSettings


def open_storage(config: CoreSettings) -> Storage:
    """The local folder, S3 or R2. It opens no connection yet."""
    if not (config.use_s3 or config.r2_enabled):
        return LocalStorage(Path(config.media_root), *config.secret_keys)
    # Imported only here: aioboto3 takes a sixth of a second to import, and a local folder does without.
    from core.files.storage_s3 import S3Storage

    if config.use_s3:
        return S3Storage(
            config.s3_bucket,
            config.s3_access_key_id,
            config.s3_secret_access_key,
            region=config.s3_region,
            endpoint=config.s3_endpoint_url,
            seconds=config.s3_link_seconds,
            signs=config.s3_presigned,
        )
    return S3Storage(
        config.r2_bucket,
        config.r2_access_key,
        config.r2_secret_key,
        region="auto",
        endpoint=config.r2_endpoint,
        seconds=config.s3_link_seconds,
        public_url=config.r2_public_url,
    )
