"""Kamailio as a registrar that the switch registers with."""

import pathlib
import re
import subprocess

from .certificates import Identity
from .kamailio import Kamailio, demand_kamailio
from .lab import Namespace

# A nonce is good for two seconds, so that tests see stale ones; auth's -4 is just that.
ROUTES = """
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unixs:%(socket)s")
modparam("auth", "nonce_expire", 2)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "default_expires", 1800)

request_route {
  if (!is_method("REGISTER")) {
    sl_send_reply("405", "Method Not Allowed");
    exit;
  }
  if (!pv_www_authenticate("%(realm)s", "%(password)s", "0")) {
    if ($retcode == -4) {
      www_challenge("%(realm)s", "17");
    } else {
      www_challenge("%(realm)s", "1");
    }
    exit;
  }
  if ($hdr(Expires) != $null && $(hdr(Expires){s.int}) > 0 && $(hdr(Expires){s.int}) < 60) {
    append_to_reply("Min-Expires: 60\r\n");
    sl_send_reply("423", "Interval Too Brief");
    exit;
  }
  if (!save("location")) sl_reply_error();
}
"""


class KamailioRegistrar(Kamailio):
    """At `address`:5060, or where the others' words say; whoever knows the password may register.
    `socket`: a path where its own tool reaches it."""

    def __init__(self, namespace: Namespace, address: str, folder: pathlib.Path, *, name: str,
                 socket: pathlib.Path, password: str, realm: str = "upstream.example",
                 listen: tuple[str, ...] = (), identity: Identity | None = None,
                 ca: pathlib.Path | None = None):
        demand_kamailio("auth", "usrloc", "registrar", "ctl")
        self.socket = socket
        routes = ROUTES % {"socket": socket, "password": password, "realm": realm}
        super().__init__(namespace, address, folder, name=name, routes=routes, listen=listen,
                         identity=identity, ca=ca)

    def contacts(self) -> dict[str, str]:
        """By user: who is registered, as usrloc has it."""
        done = subprocess.run(["kamcmd", "-s", f"unixs:{self.socket}", "ul.dump"], text=True,
                              capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
        found = {}
        user = ""
        for line in done.stdout.splitlines():
            if match := re.match(r"\s*AoR: (.+)", line):
                user = match[1].strip()
            elif match := re.match(r"\s*Address: (.+)", line):
                found[user] = match[1].strip()
        return found
