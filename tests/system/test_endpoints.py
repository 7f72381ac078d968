"""Phones call with their password, and are called where they are registered."""

from harness.baresip import Baresip
from harness.bench import NUMBER, Bench, case
from harness.failure import check, check_equal
from harness.lab import (CALLEE, CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLER, STRANGER_AT_CALLEE,
                         STRANGER_AT_CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER)
from harness.phones import (CALLEE_HERTZ, CALLER_HERTZ, TALK_PACKETS, Phone, check_heard,
                            far_phone, near_phone, pick_up, wait_talk)
from harness.registration import authorization, register
from harness.switch import Switch
from harness.tone import write_tone

REALM = "sip.example.net"
# baresip 1.0 gives up at a challenge that names another.
MD5_ALONE = {"TD_SIP_DIGEST": "md5"}
BOBS_NUMBER = "4989777"  # the route for 49 would lead to a gateway


def switch_with_accounts(bench: Bench, *more: str, gateways: tuple[str, ...] = (),
                         **options: object) -> Switch:
    """The gateways of these sides ("caller", "callee") are where their phones are; elsewhere the
    others."""
    store = bench.folder / "accounts.db"
    switch = bench.switch(site=("[registrar]", f'realm = "{REALM}"', f'store = "{store}"', *more),
                          parameters=MD5_ALONE, **options,
                          caller=CALLER if "caller" in gateways else STRANGER_AT_CALLER,
                          callee=f"{CALLEE if 'callee' in gateways else STRANGER_AT_CALLEE}:5060")
    switch.ask("account", "add", "alice", "--password", "alice-s3cret")
    switch.ask("account", "add", "bob", "--password", "bob-s3cret", "--number", BOBS_NUMBER)
    return switch


def alice_of(bench: Bench, password: str = "alice-s3cret", server: str = SWITCH_TO_CALLER,
             address: str = CALLER, transport: str = "udp",
             register_s: int = 600) -> Baresip:
    return bench.peer(Baresip, bench.lab.caller, address, name="caller", user="alice",
                      speech=write_tone(bench.folder / "caller.wav", CALLER_HERTZ),
                      domain=server, transport=transport, register_s=register_s,
                      account=f";auth_user=alice;auth_pass={password}")


def bob_of(bench: Bench, address: str = CALLEE, name: str = "callee",
           **more: object) -> Baresip:
    phone = bench.peer(Baresip, bench.lab.callee, address, name=name, user="bob",
                       speech=write_tone(bench.folder / f"{name}.wav", CALLEE_HERTZ),
                       domain=SWITCH_TO_CALLEE, register_s=600,
                       account=";auth_user=bob;auth_pass=bob-s3cret", **more)
    phone.wait_line("200 OK")
    return phone


def talk(bench: Bench, caller: Phone, callee: Phone, uri: str) -> None:
    caller.dial(uri)
    callee.wait_incoming()
    caller.wait_ringing()
    pick_up(caller, callee)
    wait_talk(bench)


def check_record(switch: Switch, **expected: object) -> None:
    record = switch.wait_cdrs(1)[0]
    for key, value in {"sip_code": 200, "end_reason": "NormalClearing", **expected}.items():
        check_equal(record[key], value, key)
    for side in ("from_caller", "from_callee"):
        check(record["media"][side]["relayed"] >= TALK_PACKETS, f"{side}: hardly any voice")
    switch.wait_no_calls()


@case
def phones_call_one_another(bench: Bench) -> None:
    """By user name, each with its password; and the called one hangs up."""
    switch = switch_with_accounts(bench)
    alice, bob = alice_of(bench), bob_of(bench)
    alice.wait_line("200 OK")
    talk(bench, alice, bob, f"sip:bob@{SWITCH_TO_CALLER}")
    check_equal(switch.ask("show", "calls")["calls"][0]["callee_account"], f"bob@{REALM}",
                "called account in show calls")
    bob.hang_up()
    alice.wait_closed()
    check_record(switch, end_direction="callee", caller_account=f"alice@{REALM}",
                 callee_account=f"bob@{REALM}", caller="alice", mapping_gateway="",
                 routing_gateway="")
    check_heard(alice, bob)
    check_equal(switch.counter("invite_challenged"), 1, "invite_challenged")
    check_equal(switch.counter("invite_wrong"), 0, "invite_wrong")


@case
def phone_gives_up(bench: Bench) -> None:
    """Its CANCEL has no credentials and needs none."""
    switch = switch_with_accounts(bench)
    alice, bob = alice_of(bench), bob_of(bench)
    alice.dial(f"sip:bob@{SWITCH_TO_CALLER}")
    bob.wait_incoming()
    alice.wait_ringing()
    alice.hang_up()
    bob.wait_closed()
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "CallerCancelled", "end_reason")
    switch.wait_no_calls()


@case
def who_loses_its_place_loses_its_call(bench: Bench) -> None:
    """SS_ENDPOINT_REGISTER_REPLACE: another device registers during a call of bob's."""
    switch = switch_with_accounts(bench)
    alice, bob = alice_of(bench), bob_of(bench)
    talk(bench, alice, bob, f"sip:bob@{SWITCH_TO_CALLER}")
    with bench.callee(port=5099) as other:
        who = ((SWITCH_TO_CALLEE, 5060), "bob", SWITCH_TO_CALLEE, (CALLEE, 5099))
        challenge = register(other, *who, 1).all("WWW-Authenticate")[0]
        register(other, *who, 2, authorization(challenge, "REGISTER", "bob", "bob-s3cret"))
        alice.wait_closed()
        bob.wait_closed()
    record = switch.wait_cdrs(1)[0]
    check_equal((record["end_reason"], record["end_direction"]), ("EndpointReplaced", "switch"),
                "why the call ended")
    switch.wait_no_calls()
    contacts = [one["contact"] for one in switch.ask("show", "endpoints")["endpoints"]
                if one["account"] == f"bob@{REALM}"]
    check_equal(contacts, [f"sip:bob@{CALLEE}:5099"], "bob's contacts")


@case
def gateway_calls_a_phone(bench: Bench) -> None:
    """By its number, once it is registered."""
    switch = switch_with_accounts(bench, gateways=("caller",))
    gateway = near_phone(bench)
    gateway.dial(f"sip:{BOBS_NUMBER}@{SWITCH_TO_CALLER}")
    check("480" in gateway.wait_closed(), "not told 480 while nobody is registered")
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "NotRegistered", "end_reason")
    bob = bob_of(bench)
    talk(bench, gateway, bob, f"sip:{BOBS_NUMBER}@{SWITCH_TO_CALLER}")
    gateway.hang_up()
    bob.wait_closed()
    record = switch.wait_cdrs(2)[1]
    for key, value in {"mapping_gateway": "acme", "routing_gateway": "", "sip_code": 200,
                       "callee_account": f"bob@{REALM}"}.items():
        check_equal(record[key], value, key)
    check_heard(gateway, bob)


@case
def phone_calls_a_gateway(bench: Bench) -> None:
    """Without being registered: its password is enough. Without that there is no call."""
    switch = switch_with_accounts(bench, gateways=("callee",))
    gateway = far_phone(bench)
    alice = alice_of(bench, register_s=0)
    talk(bench, alice, gateway, f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    alice.hang_up()
    gateway.wait_closed()
    check_record(switch, end_direction="caller", caller_account=f"alice@{REALM}",
                 routing_gateway="bcorp", callee_account="")
    check_heard(alice, gateway)


@case
def wrong_password_makes_no_call(bench: Bench) -> None:
    switch = switch_with_accounts(bench)
    alice = alice_of(bench, password="guess", register_s=0)
    alice.dial(f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    alice.wait_closed()
    check(switch.counter("invite_wrong") >= 1, "no wrong password was counted")
    check_equal(switch.cdrs(), [], "records of a stranger's call")
    switch.wait_no_calls()


def called_on_its_connection(bench: Bench, **options: object) -> None:
    bench.lay_kernel_cables()
    switch = switch_with_accounts(
        bench, "[[listener]]", 'name = "near"', 'protocol = "tcp"',
        f'address = "{KERNEL_TO_CALLER}:5060"', 'port = "caller"', **options)
    alice = alice_of(bench, server=KERNEL_TO_CALLER, address=CALLER_AT_KERNEL, transport="tcp")
    alice.wait_line("200 OK")
    bob = bob_of(bench)
    bob.dial(f"sip:alice@{SWITCH_TO_CALLEE}")
    alice.wait_incoming()
    alice.accept()
    bob.wait_established()
    check_equal(len(switch.ask("show", "connections")["connections"]), 1, "connections")
    bob.hang_up()
    alice.wait_closed()
    record = switch.wait_cdrs(1)[0]
    check_equal((record["caller_account"], record["callee_account"]),
                (f"bob@{REALM}", f"alice@{REALM}"), "accounts")


@case
def phone_is_called_on_its_connection(bench: Bench) -> None:
    """Registered by TCP, it is reached by the connection that it opened (RFC 5626)."""
    called_on_its_connection(bench)


@case
def phone_is_called_with_two_shards(bench: Bench) -> None:
    """In whichever shard the call is: one shard has all connections."""
    called_on_its_connection(bench, shards=2)
