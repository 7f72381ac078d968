"""Kamailio: a stateful proxy that nobody here wrote, with Record-Route."""

import contextlib
import os
import pathlib
import shutil
import signal

from .certificates import Identity
from .failure import Skipped
from .lab import Namespace
from .process import Process

MODULES = pathlib.Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")

# What every proxy of ours does; `initial` stands for where a new request goes.
ROUTES = """
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "corex.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("tm", "fr_timer", 10000)
modparam("tm", "fr_inv_timer", 30000)

request_route {
  if (!mf_process_maxfwd_header("10")) {
    sl_send_reply("483", "Too Many Hops");
    exit;
  }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (loose_route()) {
      t_relay();
    } else if (!is_method("ACK")) {
      sl_send_reply("404", "Not Here");
    } else if (t_check_trans()) {
      t_relay();
    }
    exit;
  }
  t_check_trans();
  if (is_method("INVITE")) record_route();
  %(initial)s
}
"""


def demand_kamailio(*modules: str) -> None:
    if not shutil.which("kamailio"):
        raise Skipped("kamailio is not installed")
    for module in modules:
        if not (MODULES / f"{module}.so").exists():
            raise Skipped(f"kamailio has no module {module}")


def tls_settings(identity: Identity, ca: pathlib.Path) -> list[str]:
    """Both ends must show a certificate of the same authority."""
    values = {"private_key": identity.key, "certificate": identity.certificate, "ca_list": ca,
              "tls_method": "TLSv1.2+"}
    return ["enable_tls=yes", 'loadmodule "tls.so"',
            *(f'modparam("tls", "{name}", "{value}")' for name, value in values.items()),
            *(f'modparam("tls", "{name}", 1)'
              for name in ("verify_certificate", "require_certificate"))]


class Kamailio(Process):
    """A proxy at `address`:5060, or with the doors `listen`, e.g. tcp:10.77.2.2:5060. `initial`,
    in its own language, says where a request goes that is in no dialog yet; or `routes` has all
    that it does."""

    def __init__(self, namespace: Namespace, address: str, folder: pathlib.Path, *, name: str,
                 initial: str = "", listen: tuple[str, ...] = (),
                 identity: Identity | None = None, ca: pathlib.Path | None = None,
                 routes: str = ""):
        doors = listen or (f"udp:{address}:5060",)
        kinds = {door.split(":")[0] for door in doors}
        demand_kamailio(*(["tls"] if "tls" in kinds else []))
        config = folder / f"{name}.cfg"
        config.write_text("\n".join([
            "#!KAMAILIO", "debug=2", "log_stderror=yes", "children=1", "auto_aliases=no",
            *([] if kinds & {"tcp", "tls"} else ["disable_tcp=yes"]), "tcp_children=1",
            *(f"listen={door}" for door in doors),
            *(tls_settings(identity, ca) if identity and ca else []),
            routes or ROUTES % {"initial": initial}]))
        super().__init__(name, ["kamailio", "-f", str(config), "-DD", "-E", "-m", "64", "-M", "8",
                                "-Y", str(folder)], folder / f"{name}.log", namespace)
        for door in doors:
            kind, _, port = door.split(":")
            self.wait_listening(int(port), "udp" if kind == "udp" else "tcp")

    def kill(self) -> None:
        """All of its processes, as they are one group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        super().kill()
