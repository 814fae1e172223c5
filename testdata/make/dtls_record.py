#!/usr/bin/python3
"""Records the captures of testdata/srtp and testdata/tls.

  dtls_record.py               all of them
  dtls_record.py sdes tls-12   those whose name begins with one of the words
  dtls_record.py --list        their names

Needs root and the Debian packages baresip-core, linphone-cli, kamailio (tls, websocket), rtpengine-daemon,
tcpdump, tshark, espeak-ng, sox, ethtool, python3-cryptography, python3-openssl, libsrtp2-dev, libssl-dev.
"""
import os
import sys
import traceback

import dtls_lab as lab

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


def main():
    import dtls_sdes  # noqa: F401  each adds its scenarios
    for module in ("dtls_dtls", "dtls_bridge", "dtls_tls", "dtls_zrtp"):
        if os.path.exists(f"{lab.HERE}/{module}.py"):
            __import__(module)
    words = sys.argv[1:]
    if words == ["--list"]:
        print("\n".join(SCENARIOS))
        return 0
    chosen = [n for n in SCENARIOS if not words or any(n.startswith(w) for w in words)]
    lab.prepare()
    lab.network_up()
    failed = []
    try:
        for name in chosen:
            try:
                SCENARIOS[name]()
                print("ok  ", name, flush=True)
            except Exception:
                failed.append(name)
                print("FAIL", name, flush=True)
                traceback.print_exc(limit=-2)
            finally:
                lab.end_all()
    finally:
        lab.network_down()
    print(f"{len(chosen) - len(failed)} of {len(chosen)} recorded", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.modules["dtls_record"] = sys.modules["__main__"]
    sys.exit(main())
