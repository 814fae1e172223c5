"""tshark's PDML on standard input, a table of its SIP messages on standard output. The fields
output of tshark joins the values of one frame, so it can't tell which belong together.
What tshark calls a continuation (bytes of a message whose beginning it missed) has no line."""
import sys
import xml.etree.ElementTree as ET

COLUMNS = ("sip.Method", "sip.Status-Code", "sip.Call-ID")
print("frame.number", *COLUMNS, sep="\t")
number, depth, message = "", 0, None
for event, element in ET.iterparse(sys.stdin.buffer, events=("start", "end")):
    sip = element.tag == "proto" and element.get("name") == "sip"
    if event == "start":
        if element.tag == "packet":
            number = ""
        elif sip:
            depth += 1          # a message/sipfrag body is a SIP message within one: not counted
            if depth == 1:
                message = dict.fromkeys(COLUMNS, "")
        elif element.tag == "field":
            name = element.get("name")
            if name == "frame.number" and not number:
                number = element.get("show")
            elif depth == 1 and name in message and not message[name]:
                message[name] = element.get("show")
        continue
    if sip:
        depth -= 1
        if depth == 0 and (message["sip.Method"] or message["sip.Status-Code"]):
            print(number, *message.values(), sep="\t")
    if element.tag == "packet":
        element.clear()
