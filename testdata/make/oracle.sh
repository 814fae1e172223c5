#!/bin/sh
# The independent oracle: what tshark sees of SIP in each capture, one message a line, written
# beside it as NAME.sip.tsv (frame, method, status, Call-ID). Usage: oracle.sh CAPTURE...
# Where a segment is missing (*-hole), tshark must not wait for it. tshark knows no HEP: captures named hep* are first unwrapped, frame for frame.
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for capture in "$@"; do
	base=${capture%.pcapng}
	base=${base%.pcap}
	input=$capture
	wait_for_order=TRUE
	case ${base##*/} in
	*-hole)
		wait_for_order=FALSE
		;;
	hep*)
		input=$work/unwrapped.pcap
		python3 "$here/hep_unwrap.py" "$capture" "$input"
		;;
	esac
	tshark -n -o tcp.reassemble_out_of_order:$wait_for_order -r "$input" -Y sip -T pdml 2>/dev/null | python3 "$here/pdml_sip.py" > "$work/table"
	mv "$work/table" "$base.sip.tsv"
done
