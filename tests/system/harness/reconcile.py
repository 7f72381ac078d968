"""Call records against what both parties saw, with kill -9 of the control plane in between."""

import collections
import dataclasses

from .failure import check, check_equal
from .load import CalleeSaw, CallerSaw

LOST = "ControlPlaneLost"
SLACK_MS = 1000  # between clocks of processes that wait for one another


@dataclasses.dataclass
class Kill:
    """Seconds since 1970: it was alive, it was dead."""
    before: float
    after: float


class Reconciliation:
    """Nothing lost and nothing twice: raises a Failure, or has figures for a person. Whoever is
    killed is doing one thing: of one call alone may the record already, or a party only just, know
    what the other hasn't heard yet (`halfway`)."""

    def __init__(self, callers: dict[str, CallerSaw], callees: dict[str, CalleeSaw],
                 records: list[dict], kills: list[Kill]):
        self.callers = callers
        self.callees = callees
        self.records = records
        self.kills = kills
        self.halfway: dict[int, set[str]] = {}  # names of calls, by the kill
        self.attempts: dict[str, list[dict]] = {}  # by the caller's Call-ID, in order
        for record in sorted(records, key=lambda one: one["start_ms"]):
            self.attempts.setdefault(record["caller_call_id"], []).append(record)
        self._check_numbers()
        for record in records:
            self._check_record(record)
        for call_id, caller in callers.items():
            self._check_caller(call_id, caller)
        self._check_legs()
        for number, names in self.halfway.items():
            check(len(names) == 1, f"more than one call was halfway at kill {number}: {names}")

    def figures(self) -> dict[str, int]:
        statuses = [caller.status for caller in self.callers.values()]
        return {"calls": len(self.callers), "answered": statuses.count(200),
                "refused": len(statuses) - statuses.count(200) - statuses.count(0),
                "unheard": statuses.count(0), "legs": len(self.callees),
                "records": len(self.records), "of calls that were up": self.lost(),
                "begun twice": sum(len(tries) > 1 for tries in self.attempts.values()),
                "halfway": len(self.halfway)}

    def lost(self) -> int:
        return sum(record["end_reason"] == LOST for record in self.records)

    def _check_numbers(self) -> None:
        numbers = [record["sequence"] for record in self.records]
        check_equal(numbers, list(range(1, len(numbers) + 1)), "sequence numbers")
        names = collections.Counter(record["call"] for record in self.records if record["call"])
        twice = [name for name, times in names.items() if times > 1]
        check(not twice, f"{len(twice)} calls have more than one record: {twice[:3]}")
        strangers = set(self.attempts) - set(self.callers)
        check(not strangers, f"records of calls that nobody made: {list(strangers)[:3]}")

    # --- a record by itself ---

    def _check_record(self, record: dict) -> None:
        start, ring, answer, end = (record[name] for name in
                                    ("start_ms", "ring_ms", "answer_ms", "end_ms"))
        times = [at for at in (start, ring, answer, end) if at != 0]
        check(start and end and times == sorted(times), f"times are out of order: {record}")
        check_equal(record["sip_code"] == 200, answer != 0, f"answered, of {record}")
        held = end - answer if answer else 0
        # The hold time is by another clock, but not that of a call whose end nobody saw.
        slack = 0 if record["end_reason"] == LOST else SLACK_MS
        check(abs(record["hold_ms"] - held) <= slack, f"hold_ms isn't {held}: {record}")
        if record["end_reason"] == LOST:
            check_equal(record["end_direction"], "switch", f"end_direction of {record}")
            check(record["sip_code"] in (0, 200), f"lost, but refused: {record}")
            check(self._kill_of(record), f"lost, but nobody was killed: {record}")

    def _kill_of(self, record: dict) -> int:
        """By which kill, counted from 1, it was the last that this life knew of: whoever dies was
        last seen a moment before. 0: by none."""
        for number, kill in enumerate(self.kills, 1):
            if record["end_ms"] <= kill.after * 1000 + 1:
                return number if record["end_ms"] >= kill.before * 1000 - SLACK_MS else 0
        return 0

    def _allow_halfway(self, record: dict, what: str) -> None:
        number = self._kill_of(record)
        check(number, f"{what}: {record}")
        self.halfway.setdefault(number, set()).add(record["call"])

    # --- what the caller saw ---

    def _check_caller(self, call_id: str, caller: CallerSaw) -> None:
        tries = self.attempts.get(call_id, [])
        check(len(tries) <= len(caller.invites), f"more records than INVITEs: {tries}")
        for earlier, later in zip(tries, tries[1:]):
            self._check_forgotten(caller, earlier, later)
        # A 100 is a word too: there is a call.
        check(tries or not caller.words, f"no record of {call_id}: {caller}")
        if not caller.words:
            for record in tries:
                self._allow_halfway(record, "its caller heard nothing at all")
            return
        record = tries[-1]
        check_equal(record["callee"], caller.number, f"number of {record}")
        check(record["start_ms"] <= caller.words[0][0] * 1000 + 1,
              f"begun after its first response: {record}, {caller}")
        check(record["start_ms"] >= caller.invites[0] * 1000 - SLACK_MS,
              f"begun before its INVITE: {record}, {caller}")
        if caller.rang:
            check(record["ring_ms"] != 0, f"it rang, but not by its record: {record}")
        if caller.status == 0:
            if (record["end_reason"], record["answer_ms"]) != (LOST, 0):
                self._allow_halfway(record, "its caller wasn't told")
            return
        check_equal(record["sip_code"], caller.status, f"sip_code of {record}")
        if caller.status == 200:
            check(record["answer_ms"] <= caller.answered_at * 1000 + 1,
                  f"answered after the caller heard it: {record}, {caller}")
            self._check_end(record, caller)

    def _check_forgotten(self, caller: CallerSaw, earlier: dict, later: dict) -> None:
        """The life that took the INVITE ended before a word of it was heard, and the next one took
        a repetition: only so may the same call have one more record."""
        between = [kill for kill in self.kills
                   if earlier["start_ms"] <= kill.after * 1000 <= later["start_ms"]]
        check(between, f"begun twice in one life: {earlier}, {later}")
        heard = [word for word in caller.words if word[0] < between[-1].before]
        check(not heard, f"begun again, though {heard} was heard: {earlier}, {later}")
        self._allow_halfway(earlier, "begun again")

    def _check_end(self, record: dict, caller: CallerSaw) -> None:
        end = (record["end_reason"], record["end_direction"])
        if caller.hung_up:
            check_equal(end, ("NormalClearing", "callee"), f"hung up by the callee: {record}")
        elif caller.bye_status == 200:
            check_equal(end, ("NormalClearing", "caller"), f"hung up by the caller: {record}")
        elif end[0] != LOST:
            check_equal(end[0], "NormalClearing", f"end_reason of {record}")
            self._allow_halfway(record, "its caller wasn't told of the end")

    # --- what the callee saw ---

    def _check_legs(self) -> None:
        """Each leg that the callee was asked for is one record's, and that one says no less than
        the callee knows."""
        asked = collections.Counter(record["callee_call_id"] for record in self.records)
        del asked[""]
        twice = [leg for leg, times in asked.items() if times > 1]
        check(not twice, f"{len(twice)} legs are in more than one record: {twice[:3]}")
        missing = set(self.callees) - set(asked)
        check(not missing, f"{len(missing)} legs have no record: {list(missing)[:3]}")
        for record in self.records:
            leg = self.callees.get(record["callee_call_id"])
            if leg is not None:
                self._check_leg(record, leg)
            elif record["callee_call_id"]:
                self._allow_halfway(record, "nobody was asked")

    def _check_leg(self, record: dict, leg: CalleeSaw) -> None:
        check_equal(record["callee_sent"], leg.number, f"callee_sent of {record}")
        if leg.asked_to_end:
            check(record["end_reason"] in ("NormalClearing", "CallerCancelled"),
                  f"the callee was hung up, and its record says otherwise: {record}, {leg}")
        if leg.bye_status == 200:
            check_equal((record["end_reason"], record["end_direction"]),
                        ("NormalClearing", "callee"), f"the callee's BYE was taken: {record}")
        if record["sip_code"] == 200:
            check_equal(leg.status, 200, f"the callee's answer to {record}")
            check(record["answer_ms"] >= leg.said_at * 1000 - SLACK_MS,
                  f"answered before the callee did: {record}, {leg}")
        elif leg.acked and leg.status == 200 and record["end_reason"] != "CallerCancelled":
            self._allow_halfway(record, "its callee got an ACK")
