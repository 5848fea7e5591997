"""Apprise's addresses, against a real mail server and a real web service on 127.0.0.1."""

from __future__ import annotations

import io
import logging
import socket

import pytest
from notification_servers import (
    PASSWORD,
    Mail,
    Webhook,
    closed_port,
    serve_mail,
    serve_webhook,
)

from configs.remarks import text
from sources.common.notifications import NOTIFY, Address, addresses_of, region_variable, send


def address(url: str, monkeypatch: pytest.MonkeyPatch) -> Address:
    monkeypatch.setenv(NOTIFY, url)
    (found,) = addresses_of(NOTIFY)
    return found


def test_a_mail_and_a_web_service_take_a_message_word_by_word(monkeypatch) -> None:
    subject, body = "Berkane, 8 juil. : chaleur : orange", "Nouveau.\n\nبركان: 40 °C <b>&\n"
    with serve_mail(Mail()) as mail, serve_webhook(Webhook()) as webhook:
        assert send(address(mail.address(), monkeypatch), subject, body) is None
        assert send(address(webhook.address, monkeypatch), subject, body) is None
    ((told, said),) = mail.texts()
    assert told == subject
    assert said.splitlines() == body.splitlines()
    assert (webhook.taken[0]["title"], webhook.taken[0]["message"]) == (subject, body.rstrip())


def test_each_way_to_fail_has_a_true_sentence(monkeypatch) -> None:
    """And none of them raises, hangs, or says a password."""
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections and never answers
    quiet = f"127.0.0.1:{silent.getsockname()[1]}"
    query = "from=risk@city.example&to=officer@city.example&mode=insecure&cto=0.3&rto=0.3"
    with (
        silent,
        serve_mail(Mail()) as mail,
        serve_mail(Mail(refuse="550 no such officer")) as full,
        serve_webhook(Webhook(statuses=[500])) as broken,
        serve_webhook(Webhook(authorization="Basic b2Z")) as locked,
        serve_webhook(Webhook(hang=1.0)) as slow,
    ):
        cases = {
            mail.address("wr0ng-password"): "its user or its password is refused",
            full.address(): "HTTP 550",
            f"mailto://u:{PASSWORD}@{closed_port()}?{query}": "no connection",
            f"mailto://u:{PASSWORD}@{quiet}?{query}": "no answer in time",
            broken.address: "HTTP 500",
            locked.address: "its user or its password is refused",
            f"{slow.address}?rto=0.3": "no answer in time",
            f"json://u:{PASSWORD}@{closed_port()}/hook": "no connection",
            f"nonsense://u:{PASSWORD}@127.0.0.1": "no address that can be used",
            f"{PASSWORD}": "no address that can be used",
        }
        for url, expected in cases.items():
            why = send(address(url, monkeypatch), "s", "t")
            assert why is not None, url
            assert expected in text(why), url
            assert PASSWORD not in text(why) and "wr0ng" not in text(why)


def test_a_service_that_never_ends_ends_in_time(monkeypatch) -> None:
    with serve_webhook(Webhook(hang=1.5)) as slow:
        why = send(address(slow.address, monkeypatch), "s", "t", seconds=0.2)
    assert why is not None and why.code == "notify.silent"


def test_no_log_and_no_repr_holds_an_address(monkeypatch, capfd) -> None:
    """What a program that logs everything would write."""
    root, lines = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(lines), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with serve_mail(Mail()) as mail, serve_webhook(Webhook(statuses=[500])) as webhook:
        hook = f"{webhook.address}/t0ken-in-path"
        monkeypatch.setenv(NOTIFY, f"{mail.address('wr0ng-password')} {hook} ftp://u:s3cret-2@h")
        for one in addresses_of(NOTIFY):
            assert send(one, "s", "t") is not None
        logging.getLogger("test").debug("it logs")
    root.removeHandler(handler)
    root.setLevel(level)
    shown = lines.getvalue() + "".join(capfd.readouterr()) + repr(addresses_of(NOTIFY))
    assert "it logs" in shown
    assert not [secret for secret in ("wr0ng", "t0ken", "s3cret") if secret in shown]


def test_addresses_stand_in_the_environment_each_once(monkeypatch) -> None:
    own = region_variable("berkane-exercise")
    assert own == "CLIMATE_RISK_NOTIFY_BERKANE_EXERCISE"
    monkeypatch.setenv(NOTIFY, " json://127.0.0.1/a \n json://127.0.0.1/b")
    monkeypatch.setenv(own, "json://127.0.0.1/b mailto://u:p@h.example")
    found = addresses_of(NOTIFY, own)
    assert [(one.variable, one.number, one.scheme) for one in found] == [
        (NOTIFY, 1, "json"),
        (NOTIFY, 2, "json"),
        (own, 2, "mailto"),
    ]
    monkeypatch.delenv(NOTIFY)
    monkeypatch.delenv(own)
    assert addresses_of(NOTIFY, own) == ()


def test_an_address_is_remembered_by_a_key_without_its_password(monkeypatch) -> None:
    """So a new password is no new address, and two of one service are two."""
    before = address(f"mailto://u:{PASSWORD}@h.example?to=a@b.example", monkeypatch).key
    assert address("mailto://u:other@h.example?to=a@b.example", monkeypatch).key == before
    monkeypatch.setenv(NOTIFY, "mailto://u:one@h.example mailto://u:two@h.example")
    one, other = addresses_of(NOTIFY)
    assert one.key != other.key and other.key == f"{one.key}-2"
