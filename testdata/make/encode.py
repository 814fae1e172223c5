"""Encodes speech into RTP payloads: encode.frames(CODEC, WAV) is a list of
[payload as hex or "" where nothing is sent, timestamp step, milliseconds], in a few codecs
followed by payload type and marker bit.

The encoders are the system's: ffmpeg, or the codec's own library through ctypes.
"""
import array
import ctypes as C
import json
import os
import subprocess
import wave

from lab import SPEECH, TMP


def _samples(name, rate):
    with wave.open(f"{SPEECH}/{name}.{rate // 1000}k.wav") as f:
        assert (f.getframerate(), f.getnchannels(), f.getsampwidth()) == (rate, 1, 2)
        return array.array("h", f.readframes(f.getnframes()))


def _ffmpeg(name, rate, arguments, size, step, ms=20, after=None):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", f"{SPEECH}/{name}.{rate // 1000}k.wav", *arguments, "-"],
                         capture_output=True, check=True, timeout=30).stdout
    if after:               # no raw container: cut the WAV header off
        raw = raw[raw.index(after) + 8:]
    return [[raw[i:i + size].hex(), step, ms] for i in range(0, len(raw) - size + 1, size)]


def _blocks(samples, size):
    for i in range(0, len(samples) - size + 1, size):
        yield (C.c_int16 * size)(*samples[i:i + size])


def _g729(name, vad):
    lib = C.CDLL("libbcg729.so.0")
    lib.initBcg729EncoderChannel.restype = C.c_void_p
    encoder = C.c_void_p(lib.initBcg729EncoderChannel(C.c_uint8(vad)))
    frames, pair = [], []
    out, size = (C.c_uint8 * 16)(), C.c_uint8()
    for block in _blocks(_samples(name, 8000), 80):
        lib.bcg729Encoder(encoder, block, out, C.byref(size))
        pair.append(bytes(out[:size.value]))
        if len(pair) == 2:      # a 2-byte SID may only come last in a packet (RFC 3551 section 4.5.6)
            one, two = pair
            if len(one) in (0, 2):
                frames.append([one.hex(), 80, 10])
                frames.append([two.hex(), 80, 10])
            else:
                frames.append([(one + two).hex(), 160, 20])
            pair = []
    return frames


NB_BITS, WB_BITS = (95, 103, 118, 134, 148, 159, 204, 244, 39), (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)


def _amr_payload(storage, bits, octet_aligned):
    """One frame of the storage format (RFC 4867 section 5.3) as a payload with CMR 15"""
    kind, quality = storage[0] >> 3 & 15, storage[0] >> 2 & 1
    toc = kind << 3 | quality << 2
    size = bits[kind] if kind < len(bits) else 0
    if octet_aligned:
        return bytes((0xf0, toc)) + storage[1:1 + (size + 7) // 8]
    value, length = 0xf, 4
    value, length = value << 6 | toc >> 2, length + 6
    data = int.from_bytes(storage[1:1 + (size + 7) // 8], "big") >> (-size % 8)
    value, length = value << size | data, length + size
    pad = -length % 8
    return (value << pad).to_bytes((length + pad) // 8, "big")


def _amr(name, wide, octet_aligned, dtx, mode):
    rate = 16000 if wide else 8000
    if wide:
        lib = C.CDLL("libvo-amrwbenc.so.0")
        lib.E_IF_init.restype = C.c_void_p
        state = C.c_void_p(lib.E_IF_init())
    else:
        lib = C.CDLL("libopencore-amrnb.so.0")
        lib.Encoder_Interface_init.restype = C.c_void_p
        state = C.c_void_p(lib.Encoder_Interface_init(dtx))
    out, frames = (C.c_uint8 * 100)(), []
    for block in _blocks(_samples(name, rate), rate // 50):
        if wide:
            size = lib.E_IF_encode(state, mode, block, out, dtx)
        else:
            size = lib.Encoder_Interface_Encode(state, mode, block, out, 0)
        frame = bytes(out[:size])
        if not frame or frame[0] >> 3 & 15 == 15:
            frames.append(["", rate // 50, 20])
        else:
            frames.append([_amr_payload(frame, WB_BITS if wide else NB_BITS, octet_aligned).hex(), rate // 50, 20])
    return frames


def _opus(name, dtx, bitrate, all_sent=False):
    """all_sent: the 1 or 2 bytes that the encoder makes of silence are sent, not left out"""
    lib = C.CDLL("libopus.so.0")
    lib.opus_encoder_create.restype = C.c_void_p
    error = C.c_int()
    encoder = C.c_void_p(lib.opus_encoder_create(16000, 1, 2048, C.byref(error)))   # OPUS_APPLICATION_VOIP
    assert error.value == 0
    for request, value in ((4002, bitrate), (4016, dtx), (4024, 3001)):             # bitrate, DTX, voice
        assert lib.opus_encoder_ctl(encoder, request, C.c_int(value)) == 0
    out, frames = (C.c_uint8 * 1500)(), []
    for block in _blocks(_samples(name, 16000), 320):
        size = lib.opus_encode(encoder, block, 320, out, 1500)
        frames.append([bytes(out[:size]).hex() if size > 2 or all_sent else "", 960, 20])
    return frames


def _speex(name, wide, dtx):
    lib = C.CDLL("libspeex.so.1")
    lib.speex_lib_get_mode.restype = lib.speex_encoder_init.restype = C.c_void_p
    state = C.c_void_p(lib.speex_encoder_init(C.c_void_p(lib.speex_lib_get_mode(1 if wide else 0))))
    for request, value in ((4, 8 if wide else 6), (30, dtx), (34, dtx)):   # quality, VAD, DTX
        lib.speex_encoder_ctl(state, request, C.byref(C.c_int(value)))
    rate = 16000 if wide else 8000

    class Bits(C.Structure):
        _fields_ = [("chars", C.c_void_p), ("nbBits", C.c_int), ("charPtr", C.c_int), ("bitPtr", C.c_int),
                    ("owner", C.c_int), ("overflow", C.c_int), ("buf_size", C.c_int), ("reserved1", C.c_int),
                    ("reserved2", C.c_void_p)]
    bits, out, frames = Bits(), C.create_string_buffer(400), []
    lib.speex_bits_init(C.byref(bits))
    for block in _blocks(_samples(name, rate), rate // 50):
        lib.speex_bits_reset(C.byref(bits))
        send = lib.speex_encode_int(state, block, C.byref(bits))
        lib.speex_bits_insert_terminator(C.byref(bits))
        size = lib.speex_bits_write(C.byref(bits), out, 400)
        frames.append([out.raw[:size].hex() if send else "", rate // 50, 20])
    return frames


def _pcmu_cn(name):
    """PCMU that turns to comfort noise (RFC 3389, payload type 13) where the speaker pauses"""
    samples, frames, quiet = _samples(name, 8000), [], 0
    for i, (payload, step, ms) in enumerate(_ffmpeg(name, 8000, ["-f", "mulaw"], 160, 160)):
        loud = max(abs(s) for s in samples[i * 160:i * 160 + 160]) > 200
        quiet = 0 if loud else quiet + 1
        if quiet < 3:
            frames.append([payload, step, ms, 0, int(i == 0 or (loud and not frames[-1][0]))])
        else:
            frames.append(["3b1a2c" if quiet % 10 == 3 else "", step, ms, 13, 0])
    return frames


def _events_cn(_):
    """No speech at all: digits as telephone-events (payload type 101) and comfort noise"""
    frames = []
    for digit in (4, 7, 1, 1, 11):
        for i in range(8):
            end = i >= 5
            frames.append([bytes((digit, 0x80 * end | 10, *divmod(160 * min(i + 1, 6), 256))).hex(), 0, 20, 101, int(i == 0)])
        frames[-1][1] = 1280
        frames += [["3b", 800, 100, 13, 0]] * 3
    return frames * 3


CODECS = {
    "pcmu-cn": _pcmu_cn,
    "events-cn": _events_cn,
    "pcmu": lambda w: _ffmpeg(w, 8000, ["-f", "mulaw"], 160, 160),
    "pcma": lambda w: _ffmpeg(w, 8000, ["-f", "alaw"], 160, 160),
    "pcmu30": lambda w: _ffmpeg(w, 8000, ["-f", "mulaw"], 240, 240, 30),
    "g722": lambda w: _ffmpeg(w, 16000, ["-c:a", "g722", "-f", "g722"], 160, 160),
    "gsm": lambda w: _ffmpeg(w, 8000, ["-c:a", "libgsm", "-f", "gsm"], 33, 160),
    "l16": lambda w: _ffmpeg(w, 8000, ["-c:a", "pcm_s16be", "-f", "s16be"], 320, 160),
    "g723": lambda w: _ffmpeg(w, 8000, ["-c:a", "g723_1", "-b:a", "6300", "-f", "wav"], 24, 240, 30, b"data"),
    "g726-32": lambda w: _ffmpeg(w, 8000, ["-c:a", "g726le", "-b:a", "32k", "-f", "g726le"], 80, 160),
    "g729": lambda w: _g729(w, 0),
    "g729-vad": lambda w: _g729(w, 1),
    "amr-oa": lambda w: _amr(w, False, True, 0, 7),
    "amr-be": lambda w: _amr(w, False, False, 0, 5),
    "amr-be-dtx": lambda w: _amr(w, False, False, 1, 7),
    "amr-wb-oa": lambda w: _amr(w, True, True, 0, 2),
    "amr-wb-be": lambda w: _amr(w, True, False, 0, 8),
    "amr-wb-be-dtx": lambda w: _amr(w, True, False, 1, 2),
    "opus": lambda w: _opus(w, 0, 20000),
    "opus-dtx": lambda w: _opus(w, 1, 16000),
    "opus-dtx-sent": lambda w: _opus(w, 1, 16000, True),
    "speex": lambda w: _speex(w, False, 0),
    "speex-wb": lambda w: _speex(w, True, 0),
    "speex-vad": lambda w: _speex(w, False, 1),
}


def file_of(codec, speech):
    path = f"{TMP}/frames.{codec}.{speech}.json"
    if not os.path.exists(path):
        made = CODECS[codec](speech)
        assert len(made) > 100, f"{codec}: {len(made)} frames"
        with open(path, "w") as f:
            json.dump(made, f)
    return path
