"""SIP through the kernel's network stack, with peers that nobody here wrote, while voice goes
through the dataplane."""

from harness.bench import Bench, case
from harness.certificates import Authority
from harness.failure import check_equal
from harness.kamailio import Kamailio
from harness.lab import (CALLEE, CALLEE_AT_KERNEL, CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLEE,
                         KERNEL_TO_CALLER, STRANGER_AT_CALLEE)
from harness.listener import SIP_PORT, listener, switch_by_kernel
from harness.phones import Phone, far_phone, near_phone, talk_with_hold
from harness.switch import Switch


def check_none_through_ports(bench: Bench) -> None:
    """No SIP has passed the dataplane's cables, but for the probes of the switch's start."""
    for side, recorder in bench.recorders.items():
        found = [one.data[:40] for one in recorder.datagrams
                 if 5060 in (one.source[1], one.target[1]) and b"probe@" not in one.data]
        check_equal(found, [], f"SIP on the {side}'s cable")


def call(bench: Bench, caller: Phone, callee: Phone, switch: Switch, protocol: str) -> None:
    """Voice both ways, a hold by the callee (its requests find us too), and a BYE of the caller."""
    talk_with_hold(bench, switch, caller, callee, holder=callee, ends=caller,
                   door=f"{KERNEL_TO_CALLER}:{SIP_PORT[protocol]};transport={protocol}")
    check_none_through_ports(bench)


@case
def phones_by_kernel_udp(bench: Bench) -> None:
    bench.lay_kernel_cables()
    caller = near_phone(bench, address=CALLER_AT_KERNEL, media=CALLER)
    callee = far_phone(bench, address=CALLEE_AT_KERNEL, media=CALLEE)
    call(bench, caller, callee, switch_by_kernel(bench, "udp"), "udp")


@case
def phones_by_tcp(bench: Bench) -> None:
    bench.lay_kernel_cables()
    caller = near_phone(bench, address=CALLER_AT_KERNEL, media=CALLER, transport="tcp")
    callee = far_phone(bench, address=CALLEE_AT_KERNEL, media=CALLEE, transport="tcp")
    call(bench, caller, callee, switch_by_kernel(bench, "tcp"), "tcp")


@case
def phones_by_tls(bench: Bench) -> None:
    """Each end shows a certificate of the same authority, and demands the other's."""
    bench.lay_kernel_cables()
    authority = Authority(bench.folder)
    caller = near_phone(bench, address=CALLER_AT_KERNEL, media=CALLER, transport="tls",
                        certificate=authority.identity(CALLER_AT_KERNEL).both,
                        ca=authority.certificate)
    callee = far_phone(bench, address=CALLEE_AT_KERNEL, media=CALLEE, transport="tls",
                       certificate=authority.identity(CALLEE_AT_KERNEL).both,
                       ca=authority.certificate)
    call(bench, caller, callee, switch_by_kernel(bench, "tls", authority), "tls")


def call_through_proxy(bench: Bench, protocol: str) -> None:
    """baresip by UDP through the dataplane → switch → Kamailio by TCP or TLS → baresip by UDP."""
    bench.lay_kernel_cables()
    authority = Authority(bench.folder) if protocol == "tls" else None
    door = f"{protocol}:{CALLEE_AT_KERNEL}:{SIP_PORT[protocol]}"
    bench.peer(Kamailio, bench.lab.callee, CALLEE_AT_KERNEL, name="proxy",
               initial=f'$fs = "udp:{STRANGER_AT_CALLEE}:5060"; '
                       f'$du = "sip:{CALLEE}:5060"; t_relay();',
               listen=(door, f"udp:{STRANGER_AT_CALLEE}:5060"),
               identity=authority and authority.identity(CALLEE_AT_KERNEL),
               ca=authority and authority.certificate)
    caller, callee = near_phone(bench), far_phone(bench)
    switch = bench.switch(callee_listener="vendors",
                          callee=f"{CALLEE_AT_KERNEL}:{SIP_PORT[protocol]}",
                          site=listener("vendors", protocol, KERNEL_TO_CALLEE, "callee", authority))
    talk_with_hold(bench, switch, caller, callee, holder=caller, ends=callee)


@case
def proxy_by_tcp(bench: Bench) -> None:
    call_through_proxy(bench, "tcp")


@case
def proxy_by_tls(bench: Bench) -> None:
    call_through_proxy(bench, "tls")
