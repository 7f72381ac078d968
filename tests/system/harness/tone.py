"""A tone as a WAV file, and how long it is heard in another: what proves media end to end, through
whatever codecs and jitter buffers lie between."""

import array
import math
import pathlib
import struct

from .failure import Failure, check

RATE = 8000
FRAME = RATE // 20  # 50 ms: both tones fill whole periods of it
LOUD = 500.0  # amplitude, of 32767


def write_tone(path: pathlib.Path, hertz: int, seconds: int = 60) -> pathlib.Path:
    """8 kHz, mono, 16 bits. Tones in multiples of 40 Hz, so that every second is the same."""
    period = array.array("h", (round(8000 * math.sin(2 * math.pi * hertz * number / RATE))
                               for number in range(RATE // 40)))
    data = period.tobytes() * (40 * seconds)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
                     struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) +
                     b"data" + struct.pack("<I", len(data)) + data)
    return path


def read_wav(path: pathlib.Path) -> array.array:
    """The samples of an 8 kHz mono WAV, whether or not its writer has closed it yet."""
    content = path.read_bytes()
    check(content[:4] == b"RIFF" and content[8:12] == b"WAVE", f"{path.name} is no WAV")
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        position += 8
        if kind == b"fmt ":
            channels, rate = struct.unpack_from("<HI", content, position + 2)
            check((channels, rate) == (1, RATE), f"{path.name}: {channels} channels at {rate} Hz")
        if kind == b"data":
            whole = (len(content) - position) & ~1
            return array.array("h", content[position:position + whole])
        position += length
    raise Failure(f"{path.name} holds no samples")


def from_a_law(payload: bytes) -> array.array:
    """G.711 §3.2: sign, three bits of segment, four of interval; even bits inverted."""
    samples = array.array("h")
    for octet in payload:
        octet ^= 0x55
        segment, interval = octet >> 4 & 7, octet & 15
        size = (interval << 4) + 8 if segment == 0 else ((interval << 4) + 0x108) << segment - 1
        samples.append(size if octet & 0x80 else -size)
    return samples


def _strength(frame: array.array, hertz: int) -> float:
    """Amplitude of one frequency in a frame (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    before, last = 0.0, 0.0
    for sample in frame:
        before, last = last, sample + factor * last - before
    power = before * before + last * last - factor * before * last
    return 2 * math.sqrt(max(power, 0.0)) / len(frame)


def seconds_of(samples: array.array, hertz: int) -> float:
    """For how long the tone is there, and is most of what is there."""
    heard = 0
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        frame = samples[start:start + FRAME]
        amplitude = _strength(frame, hertz)
        total = math.sqrt(2 * sum(sample * sample for sample in frame) / FRAME)
        heard += amplitude > LOUD and amplitude > 0.8 * total
    return heard * FRAME / RATE
