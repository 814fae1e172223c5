#!/bin/sh
# The independent oracle: what tshark sees of SIP in each capture, one message a line, written
# beside it as NAME.sip.tsv (frame, method, status, Call-ID). Usage: oracle.sh CAPTURE...
set -eu
here=$(dirname "$0")
for capture in "$@"; do
	base=${capture%.pcapng}
	base=${base%.pcap}
	tshark -n -r "$capture" -Y sip -T pdml 2>/dev/null | python3 "$here/pdml_sip.py" > "$base.sip.tsv"
done
