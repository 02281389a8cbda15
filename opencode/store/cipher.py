"""Encryption of secrets in the database: AES-256-GCM with a key that scrypt makes of OPENCODE_SECRET."""

import hashlib
import secrets

NONCE_BYTES = 12
"""As AES-GCM is used by default; 2**32 random ones with one key are safe (NIST SP 800-38D)."""


class WrongSecretError(Exception):
    """What was to be decrypted was encrypted with another secret, or has been changed."""


class Cipher:
    """Encrypts and decrypts with one secret. Takes 0.1 s and 32 MB to make: protection from guessing.

    `salt`: random, stored with the encrypted values.
    """

    def __init__(self, secret: str, salt: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - PostgreSQL alone

        self._key = AESGCM(stretched(secret, salt))

    def seal(self, name: str, value: bytes) -> bytes:
        """Encrypt a value, which can be decrypted under the same name alone."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._key.encrypt(nonce, value, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """Decrypt a value; raises WrongSecretError."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            return self._key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise WrongSecretError(name) from None


def stretched(text: str, salt: bytes) -> bytes:
    """Return 32 bytes made of a text by scrypt: each guess at the text costs 0.1 s and 32 MB too."""
    return hashlib.scrypt(text.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=64 * 1024 * 1024, dklen=32)
