"""The switch registers with others: Kamailio as the registrar, stopped and started meanwhile."""

import stat

from harness.bench import Bench, case
from harness.certificates import Authority
from harness.dns import A, NameServer, address
from harness.failure import check, check_equal, wait_until
from harness.kamailio_registrar import KamailioRegistrar
from harness.lab import CALLEE, CALLEE_AT_KERNEL, KERNEL_TO_CALLEE, SWITCH_TO_CALLEE
from harness.listener import listener
from harness.switch import Switch

PASSWORD = "upstr3am-s3cret"
CONTACT = f"sip:tandem@{SWITCH_TO_CALLEE}:5060"


def registrar(bench: Bench, name: str = "registrar") -> KamailioRegistrar:
    return bench.peer(KamailioRegistrar, bench.lab.callee, CALLEE, name=name,
                      socket=bench.lab.folder / "kamailio.sock", password=PASSWORD)


def standing(switch: Switch) -> dict:
    return switch.ask("show", "registrations")["registrations"][0]


def wait_state(switch: Switch, state: str) -> dict:
    return wait_until(lambda: (one := standing(switch))["state"] == state and one,
                      f"the registration is {state}")


@case
def registers_with_kamailio(bench: Bench) -> None:
    """With digest and stale nonces; without an answer; again after Kamailio's restart; taken back
    when it is removed and when the switch ends."""
    kamailio = registrar(bench)
    store = bench.folder / "store.db"
    switch = bench.switch(site=("[store]", f'path = "{store}"'),
                          parameters={"SS_SIP_AUTHENTICATION_TIMEOUT": "2"})
    words = ("registration", "add", "kamailio", f"server={CALLEE}", "user=tandem",
             f"password={PASSWORD}")
    added = switch.ask(*words)
    check_equal((added["port"], added["password"]), ("callee", "***"), "port, password shown")
    shown = wait_state(switch, "registered")
    check_equal(kamailio.contacts(), {"tandem": CONTACT}, "usrloc")
    check_equal(shown["contact"], f"<{CONTACT}>", "contact")
    check(1790 <= shown["expires_s"] <= 1800, f"expires_s {shown['expires_s']}")
    check(1710 <= shown["next_try_s"] <= 1728, f"next_try_s {shown['next_try_s']}")
    check_equal(switch.counter("outbound_challenged"), 1, "challenges")
    # Refreshed with the nonce that we have, until it is stale.
    switch.ask("registration", "retry", "kamailio")
    switch.wait_counter("outbound_registered", 2)

    def outlived() -> bool:
        switch.ask("registration", "retry", "kamailio")
        return switch.counter("outbound_challenged") >= 2
    wait_until(outlived, "a stale nonce")
    check_equal(switch.counter("outbound_failed"), 0, "failures")

    kamailio.kill()
    switch.ask("registration", "retry", "kamailio")
    shown = wait_state(switch, "failed")
    check_equal((shown["reason"], shown["status"]), ("no answer", 0), "why it has failed")
    check(50 <= shown["next_try_s"] <= 60, f"next_try_s {shown['next_try_s']}")
    kamailio = registrar(bench, "registrar-again")
    check_equal(kamailio.contacts(), {}, "usrloc of a new life")
    switch.ask("registration", "retry", "kamailio")
    wait_state(switch, "registered")
    check_equal(kamailio.contacts(), {"tandem": CONTACT}, "usrloc after the restart")

    switch.ask("registration", "set", "kamailio", "password=guess", "expiry=30")
    shown = wait_state(switch, "failed")
    check_equal((shown["reason"], shown["status"]), ("user or password are wrong", 401), "why")
    # Too brief for Kamailio, whose least is 60 s.
    switch.ask("registration", "set", "kamailio", f"password={PASSWORD}")
    shown = wait_state(switch, "registered")
    check(50 <= shown["expires_s"] <= 60, f"expires_s {shown['expires_s']}")

    switch.ask("registration", "del", "kamailio")
    wait_until(lambda: not kamailio.contacts(), "nobody is registered")
    check_equal(switch.ask("show", "registrations")["total"], 0, "registrations")
    switch.ask(*words)
    wait_until(lambda: kamailio.contacts() == {"tandem": CONTACT}, "registered once more")
    mode = stat.S_IMODE(store.stat().st_mode)
    check_equal(mode, 0o600, "mode of the store")
    switch.stop()
    check_equal(kamailio.contacts(), {}, "usrloc after the switch's end")
    for log in bench.folder.glob("tandem-*.log"):
        check(PASSWORD not in log.read_text(), f"the password is in {log.name}")


@case
def registers_by_tls_and_name(bench: Bench) -> None:
    """Both ends show certificates, the registrar's is for its name; by the shards of both."""
    bench.lay_kernel_cables()
    authority = Authority(bench.folder)
    kamailio = bench.peer(
        KamailioRegistrar, bench.lab.callee, CALLEE_AT_KERNEL, name="registrar",
        socket=bench.lab.folder / "kamailio.sock", password=PASSWORD,
        listen=(f"tls:{CALLEE_AT_KERNEL}:5061",), identity=authority.identity("sip.upstream.test"),
        ca=authority.certificate)
    with NameServer(bench.lab.switch) as names:
        names.records[("sip.upstream.test", A)] = [address(CALLEE_AT_KERNEL)]
        switch = bench.switch(
            shards=2, name_servers=[names.address],
            site=("[store]", f'path = "{bench.folder / "store.db"}"',
                  *listener("upstream", "tls", KERNEL_TO_CALLEE, "callee", authority)))
        rows = bench.folder / "rows.csv"
        rows.write_text("name,server,listener,user,password\n" + "".join(
            f"r{i},sip.upstream.test,upstream,u{i},{PASSWORD}\n" for i in range(8)))
        check_equal(switch.ask("registration", "import", str(rows)),
                    {"added": 8, "changed": 0, "removed": 0, "refused": 0, "kept": True}, "import")
        wait_until(lambda: switch.ask("show", "registrations")["registered"] == 8, "all registered")
        check_equal(kamailio.contacts(),
                    {f"u{i}": f"sip:u{i}@{KERNEL_TO_CALLEE}:5061;transport=tls" for i in range(8)},
                    "usrloc")
        connections = switch.ask("show", "connections")["connections"]
        check_equal([(one["protocol"], one["known"]) for one in connections], [("TLS", True)],
                    "connections")
        switch.stop()
        check_equal(kamailio.contacts(), {}, "usrloc after the switch's end")
