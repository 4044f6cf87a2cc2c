"""The sentences that all four APIs use for what core refuses, by the code that core gives (core/problem.py, Message).

They are those of the documented systems, which clients show to people and compare with: docs/api/accounts.md#errors.
"""

_INTEGER = "A valid integer is required."
_NUMBER = "A valid number is required."
_BLANK = "This field may not be blank."

# What is wrong with one field. Codes from `required` to `maximum` are keywords of JSON Schema, `type.` and `format.` with their value.
FIELDS = {
    "required": "This field is required.",
    "null": "This field may not be null.",
    "blank": _BLANK,
    "type.string": "Not a valid string.",
    "type.integer": _INTEGER,
    "type.number": _NUMBER,
    "text.integer": _INTEGER + ' "{value}" is not one.',
    "text.number": _NUMBER + ' "{value}" is not one.',
    "type.boolean": "Must be a valid boolean.",
    "type.array": 'Expected a list of items but got type "{kind}".',
    "type.object": "Invalid data. Expected a dictionary, but got {kind}.",
    "format.date": "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
    "format.email": "Enter a valid email address.",
    "format.uuid": "Must be a valid UUID.",
    "enum": '"{value}" is not a valid choice.',
    "pattern": _BLANK,
    "minLength": _BLANK,
    "maxLength": "Ensure this field has no more than {limit} characters.",
    "maxItems": "Ensure this field has no more than {limit} elements.",
    "minItems": "Ensure this field has at least {limit} elements.",
    "minItems.1": "This list may not be empty.",
    "minimum": "Ensure this value is greater than or equal to {limit}.",
    "maximum": "Ensure this value is less than or equal to {limit}.",
    "digits": "Ensure that there are no more than {limit} digits in total.",
    "decimals": "Ensure that there are no more than {limit} decimal places.",
    # What no schema can say (core/http/json_text.py)
    "repeated": "This field is repeated.",
    "null-character": "Null characters are not allowed.",
    "surrogate": "Surrogate characters are not allowed: U+{point:X}.",
    "bad-item": "Item {number} holds what is not allowed in text.",
    # Uploaded files (core/files/images.py, core/files/documents.py)
    "file.empty": "The submitted file is empty.",
    "file.missing": "No file was submitted.",
    "file.too-many": "Submit at most {limit} files at once.",
    "file.kind": "This type of file is not allowed. Allowed types are: JPEG, PNG, GIF, WebP, PDF, plain text in UTF-8.",
    "file.broken-pdf": "Upload a valid PDF. The file you uploaded is incomplete or corrupted.",
    "file.not-a-file": "The submitted data was not a file. Check the encoding type on the form.",
    "file.extension": "File extension “{extension}” is not allowed. Allowed extensions are: {allowed}.",
    "file.too-long": "Ensure this file has no more than {megabytes} MB.",
    "image.broken": "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
    "image.too-large": "Ensure this image has no more than {pixels:,} pixels.",
    "image.too-many-frames": "Ensure this animation has no more than {frames} frames and {pixels:,} pixels.",
}

# Why a whole request is refused.
REQUESTS = {
    "invalid": "Validation failed",
    "not-signed-in": "Authentication credentials were not provided.",
    "forbidden": "You do not have permission to perform this action.",
    "not-found": "Not found.",
    "bad-page": "Invalid page.",
    "bad-cursor": "Invalid cursor.",
    "wrong-method": 'Method "{method}" not allowed.',
    "media-type": 'Unsupported media type "{kind}" in request.',
    "content-encoding": 'Unsupported content encoding "{encoding}" in request.',
    "not-json": "JSON parse error - {reason}",
    "too-long": "The request body is longer than {limit}.",
    "too-many-fields": "The form has more than {limit} fields.",
    "idempotency-key": "The Idempotency-Key must have 1 to {limit} printable ASCII characters.",
    "idempotency-under-way": "A request with this Idempotency-Key is under way. Try again in a moment.",
    "idempotency-used": "This Idempotency-Key was used for another request.",
    "no-such-range": "The file has no such range.",
    "throttled": "Too many {what}. Try again in {seconds} seconds.",
}

SENTENCES = FIELDS | REQUESTS
