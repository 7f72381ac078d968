"""[[listener]]s of a site file: SIP through the kernel's own network stack."""

from .bench import Bench
from .certificates import Authority
from .lab import CALLEE_AT_KERNEL, CALLER_AT_KERNEL, KERNEL_TO_CALLEE, KERNEL_TO_CALLER
from .switch import Switch

# Of a listener on both cables; its far ends have ports of their own, beside those of phones.
SIP_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}
CALLEE_PORT = {"udp": 5070, "tcp": 5080, "tls": 5090}
# Of the route to the gateway behind a listener, where a site has several.
PREFIX = {"udp": "44", "tcp": "45", "tls": "46"}


def listener(name: str, protocol: str, address: str, port: str,
             authority: Authority | None = None, verify: str = "required",
             more: tuple[str, ...] = ()) -> tuple[str, ...]:
    lines = ["[[listener]]", f'name = "{name}"', f'protocol = "{protocol}"',
             f'address = "{address}:{SIP_PORT[protocol]}"', f'port = "{port}"', *more]
    if authority:
        identity = authority.identity(address)
        lines += [f'certificate = "{identity.certificate}"', f'key = "{identity.key}"',
                  f'ca = "{authority.certificate}"', f'verify = "{verify}"']
    return tuple(lines)


def doors(protocol: str, authority: Authority | None = None) -> tuple[str, ...]:
    """A customer and a vendor on the kernel's cables beside those on the dataplane's, for a site
    that has both: calls in by one way and out by the other."""
    return (*listener(f"in-{protocol}", protocol, KERNEL_TO_CALLER, "caller", authority,
                      "optional"),
            *listener(f"out-{protocol}", protocol, KERNEL_TO_CALLEE, "callee", authority,
                      "optional"),
            "[[gateway]]", 'name = "kacme"', 'kind = "mapping"', f'address = "{CALLER_AT_KERNEL}"',
            "[[gateway]]", f'name = "k{protocol}"', 'kind = "routing"',
            f'address = "{CALLEE_AT_KERNEL}:{CALLEE_PORT[protocol]}"',
            f'listener = "out-{protocol}"',
            "[[route]]", f'prefix = "{PREFIX[protocol]}"', f'gateway = "k{protocol}"')


def switch_by_kernel(bench: Bench, protocol: str, authority: Authority | None = None) -> Switch:
    """One whose customer and vendor are reached through the kernel."""
    return bench.switch(
        caller=CALLER_AT_KERNEL, callee=f"{CALLEE_AT_KERNEL}:{SIP_PORT[protocol]}",
        callee_listener="vendors",
        site=listener("customers", protocol, KERNEL_TO_CALLER, "caller", authority) +
        listener("vendors", protocol, KERNEL_TO_CALLEE, "callee", authority))
