#include "capture/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "capture/hep_reader.h"
#include "capture/homer_export.h"
#include "capture/pcap_reader.h"
#include "capture/pcapng_reader.h"

namespace voip::capture {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::size_t at;
  std::string_view bytes;
  std::string_view sentence;
};

constexpr std::array kForeign{
    Signature{0, "\x4d\x3c\x2b\xa1"sv, "This is Navtel's variant of pcap, which is not supported; convert it to pcap."},
    Signature{0, "\xa1\x2b\x3c\x4d"sv, "This is Navtel's variant of pcap, which is not supported; convert it to pcap."},
    Signature{0, "snoop\0\0\0"sv, "This is a snoop capture, which is not supported; convert it with editcap."},
    Signature{0, "GMBU"sv, "This is a Network Monitor capture, which is not supported; convert it with editcap."},
    Signature{0, "RTSS"sv, "This is a Network Monitor capture, which is not supported; convert it with editcap."},
    Signature{0, "TRSNIFF data"sv, "This is a Sniffer capture, which is not supported; convert it with editcap."},
    Signature{0, "\x54\x52\x00\x64\x00"sv, "This is a packet trace of another vendor; convert it with editcap."},
    Signature{0, "BZh"sv, "This is compressed with bzip2, which is not supported; unpack it first."},
    Signature{0, "\x02\x21\x4c\x18"sv, "This is the old lz4 format, which is not supported; unpack it first."},
    Signature{0, "\x89LZO\0"sv, "This is compressed with lzop, which is not supported; unpack it first."},
    Signature{0, "\x1f\x9d"sv, "This is compressed with compress, which is not supported; unpack it first."},
    Signature{0, "PK\x03\x04"sv, "This looks like a ZIP archive; unpack it first."},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, "This looks like a 7z archive; unpack it first."},
    Signature{0, "Rar!\x1a\x07"sv, "This looks like a RAR archive; unpack it first."},
    Signature{257, "ustar"sv, "This looks like a tar archive; unpack it and give the directory."},
    Signature{0,
              "\x7f"
              "ELF"sv,
              "This looks like a program (ELF), not a capture."},
    Signature{0, "%PDF-"sv, "This looks like a PDF document, not a capture."},
    Signature{0, "\x89PNG"sv, "This looks like a picture (PNG), not a capture."},
    Signature{0, "RIFF"sv, "This looks like a sound or video file (RIFF), not a capture."},
    Signature{0, "SQLite format 3\0"sv, "This looks like an SQLite database, not a capture."},
    Signature{0, "PGDMP"sv, "This looks like a PostgreSQL dump, not a capture."},
    Signature{0, "-----BEGIN "sv, "This looks like a PEM file (key or certificate), not a capture."},
    Signature{0, "#!"sv, "This looks like a script, not a capture."},
    Signature{0, "<?xml"sv, "This looks like XML, not a capture."},
};

bool printable(ByteView head) {
  return std::all_of(head.begin(), head.end(), [](std::uint8_t byte) {
    return byte >= 0x20 ? byte != 0x7f : byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
}

// Versions 1 and 2 of HEP: version, header length, family, protocol, and SIP or JSON behind the addresses.
bool like_old_hep(ByteView head) {
  if (head.size() < 40 || (head[0] != 1 && head[0] != 2) || (head[2] != 2 && head[2] != 10)) return false;
  return head[3] == 6 || head[3] == 17 || head[3] == 22 || head[3] == 132;
}

}  // namespace

const char* to_string(Format format) {
  switch (format) {
    case Format::kPcap: return "pcap";
    case Format::kPcapng: return "pcapng";
    case Format::kHepStream: return "hep";
    case Format::kHepDump: return "hep-dump";
    case Format::kHomerJson: return "homer-json";
    case Format::kHomerText: return "homer-text";
  }
  return "";
}

std::optional<Format> format_of(ByteView head) {
  if (PcapReader::recognises(head)) return Format::kPcap;
  if (PcapngReader::recognises(head)) return Format::kPcapng;
  if (const auto framing = HepReader::recognises(head)) {
    return *framing == HepReader::Framing::kStream ? Format::kHepStream : Format::kHepDump;
  }
  if (HomerExportReader::recognises_json(head)) return Format::kHomerJson;
  if (HomerExportReader::recognises_text(head)) return Format::kHomerText;
  return std::nullopt;
}

std::string describe_foreign(ByteView head) {
  const std::string_view text = as_text(head);
  for (const Signature& signature : kForeign) {
    if (text.size() >= signature.at && text.substr(signature.at).starts_with(signature.bytes)) {
      return std::string(signature.sentence);
    }
  }
  if (text.starts_with("\x0a\x0d\x0d\x0a")) {
    return head.size() < 12 ? "This looks like the first bytes of a pcapng capture; the rest is missing."
                            : "This looks like a pcapng capture whose header is damaged.";
  }
  if (like_old_hep(head)) {
    return "This looks like HEP version 1 or 2, whose messages don't tell their length: it can only be read from a "
           "packet capture.";
  }
  if (printable(head)) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[')) {
      return "This looks like JSON text, not a capture.";
    }
    return "This looks like text, not a capture.";
  }
  if (std::all_of(head.begin(), head.end(), [](std::uint8_t byte) { return byte == 0; })) {
    return "This begins with zeros only; it is not a capture.";
  }
  return "This is not a capture: neither pcap, pcapng nor HEP.";
}

}  // namespace voip::capture
