#!/usr/bin/python3 -B
"""The call that scripts/demo shows. Usage: scripts/demo_call.py BUILD_FOLDER"""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/system"))

from harness.failure import Failure, check, check_equal, wait_until  # noqa: E402
from harness.lab import CALLEE, CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER, Lab  # noqa: E402
from harness.recorder import Datagram, Recorder  # noqa: E402
from harness.rtp import Packet  # noqa: E402
from harness.sipp import SCENARIOS, Sipp  # noqa: E402
from harness.switch import Options, Switch  # noqa: E402

CALLER_SAYS = ("en-gb", "Hello, this is the caller. I am calling you through the tandem switch. "
               "Every word I say crosses its relay. Can you hear me well?")
CALLEE_SAYS = ("en-us", "Good morning, this is the callee speaking. Yes, I hear you loud and "
               "clear, and I am answering you on the same line.")
CALLER_PORT, CALLEE_PORT = 20000, 30000
PACKET_OCTETS = 160  # 20 ms of G.711
A_LAW_SILENCE = b"\xd5"


def step(text: str) -> None:
    print(f"== {text}", flush=True)


def run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{argv[0]}: {done.stderr.strip()}")


def speak(voice: str, sentence: str, target: pathlib.Path) -> float:
    """Leaves the sentence as G.711 A-law in `target`; returns its seconds."""
    wave = target.with_suffix(".tmp.wav")
    run("espeak-ng", "-v", voice, "-s", "150", "-w", str(wave), sentence)
    run("sox", str(wave), "-r", "8000", "-c", "1", "-e", "a-law", "-t", "raw", str(target))
    wave.unlink()
    speech = target.read_bytes()
    speech += A_LAW_SILENCE * (-len(speech) % PACKET_OCTETS)
    target.write_bytes(speech)
    return len(speech) / 8000


def keep_wav(payload: bytes, target: pathlib.Path) -> None:
    raw = target.with_suffix(".al")
    raw.write_bytes(payload)
    run("sox", "-t", "raw", "-r", "8000", "-c", "1", "-e", "a-law", "-b", "8", str(raw),
        "-e", "signed-integer", "-b", "16", str(target))
    raw.unlink()


def compare(name: str, sent: list[Datagram], received: list[Datagram], speech: bytes,
            figures: dict, results: pathlib.Path) -> None:
    """One direction: the recording at the far end against what left the near end and the file."""
    out = [Packet.decode(one.data) for one in sent]
    back = [Packet.decode(one.data) for one in received]
    heard = b"".join(packet.payload for packet in back)
    keep_wav(heard, results / f"{name}.wav")
    lost = len({packet.sequence for packet in out} - {packet.sequence for packet in back})
    delays = sorted(arrival.at - start.at for start, arrival in zip(sent, received))
    print(f"   {name}: {len(out)} packets sent, {len(back)} received, {lost} lost, "
          f"{len(heard)} of {len(speech)} octets of speech"
          + (f", through the switch in {1e6 * delays[len(delays) // 2]:.0f} us (median)"
             if delays else ""))
    print(f"   {'':{len(name)}}  the switch says: packets {figures['packets']}, "
          f"octets {figures['octets']}, lost {figures['lost']}, "
          f"reordered {figures['reordered']}, duplicated {figures['duplicated']}, "
          f"relayed {figures['relayed']}, jitter {figures['jitter_us']} us, "
          f"largest gap {figures['largest_gap_us']} us")
    check_equal(lost, 0, f"{name}: packets lost")
    check(back == out, f"{name}: packets were altered or reordered on their way")
    check(heard == speech, f"{name}: what was heard is not what was said")
    check_equal(figures["packets"], len(out), f"{name}: packets that the switch counted")
    check_equal(figures["relayed"], len(out), f"{name}: packets that the switch relayed")
    check_equal(figures["lost"], 0, f"{name}: packets that the switch missed")


def call(build: pathlib.Path, results: pathlib.Path) -> None:
    step("3/6 speech (espeak-ng, sox: G.711 A-law)")
    caller_file, callee_file = results / "caller.al", results / "callee.al"
    seconds = max(speak(*CALLER_SAYS, caller_file), speak(*CALLEE_SAYS, callee_file))
    print(f"   {seconds:.1f} s of speech in each direction at most")
    for name in ("caller_speaks", "callee_speaks"):
        text = (SCENARIOS / f"{name}.xml").read_text()
        text = text.replace("SPEECH_MS", str(int(seconds * 1000) + 500))
        text = text.replace("caller.al", str(caller_file)).replace("callee.al", str(callee_file))
        (results / f"{name}.xml").write_text(text)

    step("4/6 lab and switch")
    with Lab() as lab:
        switch = Switch(lab, build, results, Options(), 0)
        try:
            switch.start()
            print(f"   tandem-dataplane (pid {switch.dataplane.pid}) and tandem-controlplane "
                  f"(pid {switch.controlplane.pid}) are ready")
            talk(lab, switch, results, seconds, caller_file, callee_file)
            switch.stop()
            print("   both processes ended cleanly")
        finally:
            switch.kill()


def talk(lab: Lab, switch: Switch, results: pathlib.Path, seconds: float,
         caller_file: pathlib.Path, callee_file: pathlib.Path) -> None:
    step(f"5/6 SIPp at {CALLER} calls 4930123456 through {SWITCH_TO_CALLER}, "
         f"SIPp at {CALLEE} answers")
    with Recorder(lab.caller) as at_caller, Recorder(lab.callee) as at_callee:
        sipp = {"callee": Sipp(lab.callee, CALLEE, results / "callee_speaks.xml", results,
                               media_port=CALLEE_PORT)}
        try:
            sipp["caller"] = Sipp(lab.caller, CALLER, results / "caller_speaks.xml", results,
                                  target=f"{SWITCH_TO_CALLER}:5060", media_port=CALLER_PORT)
            wait_until(lambda: at_caller.rtp(False, CALLER_PORT) and
                       at_callee.rtp(False, CALLEE_PORT), "voice in both directions")
            print("   answered; voice flows both ways")
            half = time.monotonic() + seconds / 2
            wait_until(lambda: time.monotonic() > half, "half of the talk", seconds)
            print("   half-way, the operator sees:")
            for what in ("calls", "flows"):
                print("   $ tandemctl show " + what)
                for line in switch.ctl("show", what).stdout.splitlines():
                    print("     " + line)
            print("   … the talk goes on", flush=True)
            for process in sipp.values():
                process.finish()
        finally:
            for process in sipp.values():
                process.kill()
        record = switch.wait_cdrs(1)[0]

    step("6/6 the call's record and what was heard")
    print("   " + json.dumps(record, indent=2, ensure_ascii=False).replace("\n", "\n   "))
    check_equal(record["sip_code"], 200, "SIP code in the call's record")
    check(record["media"], "no media figures in the call's record")
    compare("caller-to-callee", at_caller.rtp(True, CALLER_PORT),
            at_callee.rtp(False, CALLEE_PORT), caller_file.read_bytes(),
            record["media"]["from_caller"], results)
    compare("callee-to-caller", at_callee.rtp(True, CALLEE_PORT),
            at_caller.rtp(False, CALLER_PORT), callee_file.read_bytes(),
            record["media"]["from_callee"], results)
    check({one.source[0] for one in at_caller.rtp(False, CALLER_PORT)} == {SWITCH_TO_CALLER} and
          {one.source[0] for one in at_callee.rtp(False, CALLEE_PORT)} == {SWITCH_TO_CALLEE},
          "media came from elsewhere than the switch")
    print(f"   recordings: {results}/caller-to-callee.wav, callee-to-caller.wav")


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    results = build / "demo-results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        call(build, results)
    except Failure as failure:
        print(f"   logs: {results}")
        print(f"FAIL: {failure}")
        return 1
    except KeyboardInterrupt:
        print("\nFAIL: interrupted; everything was taken down")
        return 130
    print("PASS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
