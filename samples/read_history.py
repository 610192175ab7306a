#!/usr/bin/env python3
"""Reads what redis-mirrored has put into Redis, with none of its code: docs/wire-format.md in a page.

Lists a user's task history and the profiles in `provider`, which it decrypts. Writes nothing, into Redis or elsewhere.
Python 3.9 or later; to decrypt, the package `cryptography` (Debian: python3-cryptography).
"""

import argparse
import base64
import gzip
import hashlib
import json
import os
import re
import socket
import sys
import urllib.parse
from datetime import datetime, timezone


class Redis:
    """One connection, speaking RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/"""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=5)
        self.stream = self.socket.makefile("rb")

    def command(self, *words):
        parts = [word.encode() for word in words]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(request)
        return self.reply()

    def reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError("Redis refused: " + rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        return [self.reply() for _ in range(int(rest))]


def encode_id(identifier):
    """`quote` never touches `~`, which in a key is the mirror's own."""
    encoded = urllib.parse.quote(identifier, safe="@", errors="surrogatepass")
    return encoded.replace("~", "%7E")


def key_of(user, instance, record):
    parts = ["roo", encode_id(user)] + ([encode_id(instance)] if instance else []) + [record]
    return ":".join(parts)


def version_key_of(redis_key):
    folder, record = redis_key.rsplit(":", 1)
    return f"{folder}:~version:{record}"


def text_of(stored):
    """A plain value: JSON, or gzip of it, perhaps of several members."""
    return (gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored).decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def keys_by_id(text):
    """Several keys are separated by commas. A key's id derives from it."""
    keys = [from_base64url(part.strip()) for part in text.split(",") if part.strip()]
    digests = [hashlib.sha256(b"redis-mirrored key id\0" + key).digest() for key in keys]
    return {base64.urlsafe_b64encode(digest).decode()[:11]: key for digest, key in zip(digests, keys)}


def decrypt(stored, redis_key, version, keys):
    """An encrypted value: a JWE (RFC 7516, flattened JSON), the key's own name its additional authenticated data."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    jwe = json.loads(stored)
    header = json.loads(from_base64url(jwe["protected"]))
    kid, saved_as = header.pop("kid"), header.pop("ver", None)
    if header != {"alg": "dir", "enc": "A256GCM"}:
        raise ValueError("It is encrypted in another way.")
    if kid not in keys:
        raise ValueError(f"It was encrypted with the key {kid}, which is not among those given.")
    sealed = from_base64url(jwe["ciphertext"]) + from_base64url(jwe["tag"])
    authenticated = f"{jwe['protected']}.{jwe['aad']}".encode("ascii")
    try:
        plaintext = AESGCM(keys[kid]).decrypt(from_base64url(jwe["iv"]), sealed, authenticated)
    except InvalidTag:
        raise ValueError("It was changed, or the key is another one.") from None
    if from_base64url(jwe["aad"]).decode() != redis_key:
        raise ValueError("It was encrypted for another key of Redis.")
    if saved_as and version and saved_as != version:
        raise ValueError("It was encrypted for another version.")
    return plaintext.decode()


def printable(text, width=60):
    line = re.sub(r"\s+", " ", "".join(character if character.isprintable() else " " for character in text)).strip()
    return line if len(line) <= width else line[: width - 1] + "…"


def when(ts):
    return datetime.fromtimestamp(ts / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def main():
    environment = os.environ.get
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default=environment("REDIS_HOST") or "localhost")
    parser.add_argument("--port", type=int, default=int(environment("REDIS_PORT") or 6379))
    parser.add_argument("--user", default=environment("ROO_USER_ID"), help="default: ROO_USER_ID")
    parser.add_argument("--instance", default=environment("ROO_INSTANCE_ID"), help="default: ROO_INSTANCE_ID, else none")
    parser.add_argument("--key", default=environment("ROO_MIRROR_KEY"), help="default: ROO_MIRROR_KEY, out of others' sight")
    parser.add_argument("--json", action="store_true", help="print both records as they are, secrets included")
    options = parser.parse_args()
    if not options.user:
        parser.error("expected a user, got none: --user or ROO_USER_ID")

    redis = Redis(options.host, options.port)
    if environment("REDIS_PASSWORD"):
        redis.command("AUTH", *filter(None, [environment("REDIS_USERNAME"), environment("REDIS_PASSWORD")]))
    if environment("REDIS_DB"):
        redis.command("SELECT", environment("REDIS_DB"))

    stored = redis.command("GET", key_of(options.user, options.instance, "taskHistory"))
    history = [] if stored is None else json.loads(text_of(stored))

    provider_key = key_of(options.user, options.instance, "provider")
    stored, version = redis.command("MGET", provider_key, version_key_of(provider_key))
    provider, problem = None, None
    if stored is not None:
        try:
            provider = json.loads(decrypt(stored, provider_key, (version or b"").decode(), keys_by_id(options.key or "")))
        except (ValueError, ImportError) as error:
            problem = str(error)

    if options.json:
        print(json.dumps({"taskHistory": history, "provider": provider}, ensure_ascii=False, indent=2))
    else:
        print(f"{len(history)} tasks, newest first")
        for item in history:
            print(f"  {when(item['ts'])}  {item['id']}  {printable(item.get('task', ''))}")
        profiles = provider.get("apiConfigs", {}) if provider else {}
        print(f"{len(profiles)} profiles")
        for name, profile in profiles.items():
            mark = "*" if name == provider.get("currentApiConfigName") else " "
            print(f"{mark} {printable(name)}  {printable(str(profile.get('apiProvider', '')))}")
    if problem:
        print(f"`provider` cannot be read. {problem}", file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
