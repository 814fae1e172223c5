"""SRTP by libsrtp2 (through ctypes): protects and unprotects packets with keys as SDP gives them."""
import base64
import ctypes as C

lib = C.CDLL("libsrtp2.so.1")
lib.srtp_init()
ICM128, ICM192, ICM256, GCM128, GCM256, NULL_CIPHER = 1, 4, 5, 6, 7, 0
SHA1, NULL_AUTH = 3, 0
# SDP name: cipher, key and salt bytes, auth, auth key bytes, RTP tag, RTCP tag
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (ICM128, 30, SHA1, 20, 10, 10),
    "AES_CM_128_HMAC_SHA1_32": (ICM128, 30, SHA1, 20, 4, 10),
    "AES_192_CM_HMAC_SHA1_80": (ICM192, 38, SHA1, 20, 10, 10),
    "AES_192_CM_HMAC_SHA1_32": (ICM192, 38, SHA1, 20, 4, 10),
    "AES_256_CM_HMAC_SHA1_80": (ICM256, 46, SHA1, 20, 10, 10),
    "AES_256_CM_HMAC_SHA1_32": (ICM256, 46, SHA1, 20, 4, 10),
    "AEAD_AES_128_GCM": (GCM128, 28, NULL_AUTH, 0, 16, 16),
    "AEAD_AES_256_GCM": (GCM256, 44, NULL_AUTH, 0, 16, 16),
    "NULL_HMAC_SHA1_80": (NULL_CIPHER, 30, SHA1, 20, 10, 10),
    "NULL_HMAC_SHA1_32": (NULL_CIPHER, 30, SHA1, 20, 4, 10),
}
AUTH, CONF = 2, 1


class _Policy(C.Structure):
    _fields_ = [("cipher", C.c_uint32), ("key_len", C.c_int), ("auth", C.c_uint32), ("auth_key_len", C.c_int),
                ("tag_len", C.c_int), ("services", C.c_int)]


class _MasterKey(C.Structure):
    _fields_ = [("key", C.c_char_p), ("mki", C.c_char_p), ("mki_size", C.c_uint)]


class _StreamPolicy(C.Structure):
    _fields_ = [("ssrc_type", C.c_int), ("ssrc", C.c_uint), ("rtp", _Policy), ("rtcp", _Policy), ("key", C.c_char_p),
                ("keys", C.POINTER(C.POINTER(_MasterKey))), ("key_count", C.c_ulong), ("ekt", C.c_void_p),
                ("window", C.c_ulong), ("allow_repeat", C.c_int), ("headers", C.c_void_p), ("header_count", C.c_int),
                ("next", C.c_void_p)]


class Context:
    """key: base64 of master key and salt. parameters: session parameters of RFC 4568, as text.
    mki: bytes that stand before each tag, or None. ssrc, where given, binds the context to one
    stream, which may begin at another rollover counter than 0."""

    def __init__(self, suite, key, sending, parameters=(), mki=None, ssrc=None, roc=0):
        cipher, length, auth, auth_len, tag, rtcp_tag = SUITES[suite]
        raw = base64.b64decode(key + "=" * (-len(key) % 4))
        if len(raw) != length:
            raise ValueError(f"{suite} wants {length} bytes of key and salt, not {len(raw)}")
        null = cipher == NULL_CIPHER
        # A cipher that is switched off is skipped; with auth off as well nothing but the framing is left.
        rtp = (0 if null or "UNENCRYPTED_SRTP" in parameters else CONF) | (0 if "UNAUTHENTICATED_SRTP" in parameters else AUTH)
        rtcp = (0 if null or "UNENCRYPTED_SRTCP" in parameters else CONF) | AUTH
        aead = cipher in (GCM128, GCM256)
        policy = _StreamPolicy()
        policy.ssrc_type, policy.ssrc = (1, ssrc) if ssrc is not None else (3 if sending else 2, 0)
        policy.rtp = _Policy(cipher, length, auth if rtp & AUTH or aead else NULL_AUTH,
                             auth_len if rtp & AUTH else 0, tag if rtp & AUTH else 0, rtp)
        policy.rtcp = _Policy(cipher, length, auth, auth_len, rtcp_tag, rtcp)
        self._raw = raw
        self.mki = mki
        if mki:
            self._master = _MasterKey(raw, mki, len(mki))
            self._keys = (C.POINTER(_MasterKey) * 1)(C.pointer(self._master))
            policy.keys, policy.key_count = self._keys, 1
        else:
            policy.key = raw
        policy.window, policy.allow_repeat = 1024, 1
        self._session = C.c_void_p()
        status = lib.srtp_create(C.byref(self._session), C.byref(policy))
        if status:
            raise RuntimeError(f"srtp_create: status {status}")
        if roc and lib.srtp_set_stream_roc(self._session, C.c_uint32(ssrc), C.c_uint32(roc)):
            raise RuntimeError("rollover counter refused")

    def _run(self, function, packet):
        buffer = C.create_string_buffer(packet, len(packet) + 200)
        size = C.c_int(len(packet))
        arguments = [self._session, buffer, C.byref(size)]
        if function.__name__.endswith("_mki"):
            arguments.append(1)
            if "unprotect" not in function.__name__:
                arguments.append(0)
        status = function(*arguments)
        return status, buffer.raw[:size.value]

    def protect(self, packet):
        status, out = self._run(lib.srtp_protect_mki if self.mki else lib.srtp_protect, packet)
        if status:
            raise RuntimeError(f"srtp_protect: status {status}")
        return out

    def protect_rtcp(self, packet):
        status, out = self._run(lib.srtp_protect_rtcp_mki if self.mki else lib.srtp_protect_rtcp, packet)
        if status:
            raise RuntimeError(f"srtp_protect_rtcp: status {status}")
        return out

    def unprotect(self, packet):
        """The clear packet, or None when libsrtp2 refuses it."""
        status, out = self._run(lib.srtp_unprotect_mki if self.mki else lib.srtp_unprotect, packet)
        return None if status else out

    def unprotect_rtcp(self, packet):
        status, out = self._run(lib.srtp_unprotect_rtcp_mki if self.mki else lib.srtp_unprotect_rtcp, packet)
        return None if status else out
