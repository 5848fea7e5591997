"""Servers on the loopback address that never end, or send little which becomes much."""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Say = Callable[[bytes], None]


def whole(body: bytes, encoding: str) -> bytes:
    return (
        OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )


def slow_headers(say: Say, pause: Event) -> None:
    say(OK)
    while not pause.wait(0.02):
        say(b"X-A: 1\r\n")


def slow_status(say: Say, pause: Event) -> None:
    for letter in b"HTTP/1.1 200 " + b"O" * 10_000:
        say(bytes([letter]))
        pause.wait(0.02)


def endless_continue(say: Say, pause: Event) -> None:
    while not pause.wait(0.001):
        say(b"HTTP/1.1 100 Continue\r\n\r\n")


def endless_hints(say: Say, pause: Event) -> None:
    while True:
        say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)


def slow_body(say: Say, pause: Event) -> None:
    say(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while not pause.wait(0.02):
        say(b"1\r\n \r\n")


def empty_blocks(say: Say, pause: Event) -> None:
    """Deflate's stored blocks of no bytes (RFC 1951, 3.2.4), for ever: nothing ever comes out."""
    head = gzip.compress(b"")[:10]
    say(OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" + head + b"\r\n")
    while not pause.wait(0.001):
        say(b"5\r\n\x00\x00\x00\xff\xff\r\n")


def flood_of_empty_blocks(say: Say, pause: Event) -> None:
    say(whole(gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 400_000, "gzip"))


def empty_members(say: Say, pause: Event) -> None:
    say(whole(gzip.compress(b"") * 10_000, "gzip"))


def zeros(megabytes: int) -> bytes:
    """So many megabytes of zeros in gzip, made a megabyte at a time."""
    packer = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


BOMB = zeros(200)
DOUBLED = gzip.compress(BOMB)


def doubled_gzip(say: Say, pause: Event) -> None:
    say(whole(DOUBLED, "gzip, gzip"))


def single_bomb(say: Say, pause: Event) -> None:
    say(whole(BOMB, "gzip"))


def slow_redirects(say: Say, pause: Event) -> None:
    pause.wait(0.15)
    say(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


def deflate(say: Say, pause: Event) -> None:
    say(whole(b"\x00", "deflate"))


def cut_gzip(say: Say, pause: Event) -> None:
    say(whole(gzip.compress(b'{"value": 1}' * 100)[:-9], "gzip"))


def endless_text(say: Say, pause: Event) -> None:
    say(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        say(b"10000\r\n" + b" " * 65_536 + b"\r\n")


DEADLINE, TOO_MUCH = "not complete within 0.4 s", "more than 1,000,000 bytes"
SERVERS: dict[str, tuple[Callable[[Say, Event], None], str]] = {
    "headers that trickle": (slow_headers, DEADLINE),
    "a status line that trickles": (slow_status, DEADLINE),
    "endless 100 Continue": (endless_continue, DEADLINE),
    "endless 103 Early Hints": (endless_hints, DEADLINE),
    "a body that trickles": (slow_body, DEADLINE),
    "empty gzip blocks for ever": (empty_blocks, DEADLINE),
    "two megabytes of empty gzip blocks": (flood_of_empty_blocks, TOO_MUCH),
    "gzip behind gzip": (empty_members, "a broken connection (error)"),
    "gzip in gzip": (doubled_gzip, "a body encoded as 'gzip, gzip'"),
    "a large body in a little gzip": (single_bomb, TOO_MUCH),
    "redirects that take their time": (slow_redirects, DEADLINE),
    "an encoding nobody asked for": (deflate, "a body encoded as 'deflate'"),
    "gzip cut off": (cut_gzip, "cut off"),
    "a body without an end": (endless_text, TOO_MUCH),
}


@contextmanager
def hostile(behave: Callable[[Say, Event], None]) -> Iterator[str]:
    """The address of a server on the loopback address that behaves so to everyone who asks."""
    pause = Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(65_536):
                behave(connection.sendall, pause)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        pause.set()
