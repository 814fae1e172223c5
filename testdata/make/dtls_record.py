#!/usr/bin/python3
"""Records the captures of testdata/srtp and testdata/tls.

  dtls_record.py               all of them
  dtls_record.py sdes tls-12   those whose name begins with one of the words
  dtls_record.py --list        their names
  dtls_record.py --readme      only writes the README of both folders, from the truth files

Needs root and the Debian packages baresip-core, linphone-cli, kamailio (tls, websocket), rtpengine-daemon,
tcpdump, tshark, espeak-ng, sox, ethtool, python3-cryptography, python3-openssl, libsrtp2-dev, libssl-dev.
"""
import sys
import traceback

import dtls_lab as lab
import dtls_readme

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


def main():
    for module in ("dtls_sdes", "dtls_dtls", "dtls_bridge", "dtls_tls", "dtls_zrtp"):
        __import__(module)
    words = sys.argv[1:]
    if words == ["--list"]:
        print("\n".join(SCENARIOS))
        return 0
    if words == ["--readme"]:
        dtls_readme.write()
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
    dtls_readme.write()
    print(f"{len(chosen) - len(failed)} of {len(chosen)} recorded", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.modules["dtls_record"] = sys.modules["__main__"]
    sys.exit(main())
