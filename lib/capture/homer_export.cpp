#include "capture/homer_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace voip::capture {

namespace {

constexpr std::size_t kLargest = 128U << 20;
constexpr std::size_t kMostMessages = 1U << 20;

// "proto:UDP 2026-11-23T07:01:00.908578Z  127.0.0.1:15963 ---> 127.0.0.1:15961"
bool parse_head(std::string_view line, HomerRow& row) {
  TextCursor in{line};
  if (!in.accept("proto:")) return false;
  const std::string_view protocol = in.word();
  const auto time = parse_time(in.word());
  const std::string_view src = in.word();
  const std::string_view arrow = in.word();
  const std::string_view dst = in.word();
  if (!time || arrow != "--->" || dst.empty()) return false;
  const auto endpoint = [](std::string_view text, IpAddress& address, std::uint16_t& port) {
    const std::size_t colon = text.rfind(':');  // an IPv6 address has no brackets
    if (colon == std::string_view::npos) return false;
    const auto ip = IpAddress::parse(text.substr(0, colon));
    const auto number = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (!ip || !number) return false;
    address = *ip;
    port = *number;
    return true;
  };
  if (!endpoint(src, row.src, row.src_port) || !endpoint(dst, row.dst, row.dst_port)) return false;
  row.exact_us = time->ns / 1000;
  row.protocol = iequals(protocol, "tcp") ? 6 : iequals(protocol, "sctp") ? 132 : iequals(protocol, "tls") ? 22 : 17;
  return true;
}

// SIP, or JSON of RTCP, or a line of a log: Homer's text form does not say which.
std::uint8_t payload_type_of(std::string_view raw) {
  const std::string_view line = raw.substr(0, raw.find('\n'));
  if (line.starts_with("SIP/2.0 ") || line.find(" SIP/2.0") != std::string_view::npos) return 1;
  return trim(line).starts_with('{') ? 5 : 100;
}

}  // namespace

bool homer_made(ByteView frame) {
  static constexpr std::array<std::uint8_t, 6> kFrom{0x02, 0x5d, 0x69, 0x74, 0x20, 0x12};
  static constexpr std::array<std::uint8_t, 6> kTo{0x06, 0x3d, 0x20, 0x12, 0x10, 0x20};
  if (frame.size() < 14) return false;
  return std::ranges::equal(frame.subspan(6, 6), kFrom) && std::ranges::equal(frame.first(6), kTo);
}

bool HomerExportReader::recognises_json(ByteView head) {
  const std::string_view text = trim(as_text(head));
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  for (const std::string_view key : {"\"messages\"", "\"calldata\"", "\"srcIp\"", "\"data\"", "\"protocol_header\""}) {
    if (text.find(key) != std::string_view::npos) return true;
  }
  return false;
}

bool HomerExportReader::recognises_text(ByteView head) {
  const std::string_view text = as_text(head);
  const std::size_t begin = text.find_first_not_of("\r\n");
  if (begin == std::string_view::npos || begin > 8) return false;
  HomerRow row;
  return parse_head(trim(text.substr(begin, text.find('\n', begin) - begin)), row);
}

HomerExportReader::HomerExportReader(InputBuffer& in, const ReaderContext& context, Kind kind)
    : in_(in), info_(context.info), problems_(context.info), input_(context.input), kind_(kind) {}

void HomerExportReader::load() {
  loaded_ = true;
  if (in_.have(kLargest + 1)) {
    problems_.damage(fmt::format("The export is larger than {} MiB; the rest was not read.", kLargest >> 20));
  }
  const std::string_view text = as_text(in_.view(std::min(in_.available(), kLargest)));
  if (kind_ == Kind::kJson) {
    load_json(text);
  } else {
    load_text(text);
  }
  std::size_t swapped = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].id = i + 1;
    rows_[i].fix_time();
    swapped += rows_[i].swapped ? 1U : 0U;
  }
  std::ranges::stable_sort(rows_, [](const HomerRow& a, const HomerRow& b) { return a.time() < b.time(); });
  if (swapped != 0) {
    problems_.note(
        fmt::format("The times of {} messages were stored in the wrong byte order and were put right.", swapped));
  }
  if (without_text_ != 0) {
    problems_.damage(fmt::format("{} entries have no message text (raw) and were left out.", without_text_));
  }
  if (rows_.empty()) {
    info_.usable = info_.complete = false;
    problems_.note("This is no export of Homer that holds messages.");
  }
  in_.advance(in_.available());
}

bool HomerExportReader::read_message(HomerJson& in, HomerRow& row) {
  std::string key;
  if (!in.enter('{')) return false;
  bool has_text = false;
  while (in.member(key)) {
    if (key == "raw") {
      if (in.peek() == '"') {
        has_text = in.string(row.raw) && !row.raw.empty();
      } else {
        in.skip();
      }
    } else if (key == "micro_ts") {
      row.exact_us = in.whole().value_or(-1);
    } else if ((key == "create_ts" || key == "create_date") && in.peek() != '"') {
      row.stored_us = in.whole().value_or(-1) * 1000;
    } else if (key == "protocol_header" && in.peek() == '{') {
      std::string inner;
      (void)in.enter('{');
      while (in.member(inner)) {
        if (!row.take(inner, in)) in.skip();
      }
    } else if (!row.take(key, in)) {
      in.skip();
    }
  }
  if (in.ok() && !has_text) ++without_text_;
  return in.ok() && has_text;
}

void HomerExportReader::read_messages(HomerJson& in) {
  (void)in.enter('[');
  while (in.element()) {
    if (in.peek() != '{') {
      in.skip();
      continue;
    }
    HomerRow row;
    const bool whole = read_message(in, row);
    if (!in.ok()) return;
    if (!whole) continue;
    if (rows_.size() >= kMostMessages) {
      problems_.damage(fmt::format("Only the first {} messages of the export were read.", kMostMessages));
      return;
    }
    rows_.push_back(std::move(row));
  }
}

void HomerExportReader::load_json(std::string_view text) {
  HomerJson in{text};
  std::string key;
  if (in.peek() == '[') {
    read_messages(in);
  } else if (in.enter('{')) {
    while (in.member(key)) {
      if ((key == "messages" || key == "data") && in.peek() == '[') {
        read_messages(in);
      } else if (key == "data" && in.peek() == '{') {
        std::string inner;
        (void)in.enter('{');
        while (in.member(inner)) {
          if (inner == "messages" && in.peek() == '[') {
            read_messages(in);
          } else {
            in.skip();
          }
        }
      } else {
        in.skip();
      }
    }
  }
  if (!in.ok()) problems_.damage("The JSON text is damaged or cut off.");
}

void HomerExportReader::load_text(std::string_view text) {
  std::optional<HomerRow> row;
  std::size_t begin = 0;  // of the current message's text
  const auto end_message = [&](std::size_t end) {
    if (!row) return;
    std::string_view raw = text.substr(begin, end - begin);
    // An empty line behind the head, and one line end behind the message, are the export's own.
    if (raw.starts_with("\r\n")) {
      raw.remove_prefix(2);
    } else if (raw.starts_with('\n')) {
      raw.remove_prefix(1);
    }
    if (raw.ends_with("\r\n")) raw.remove_suffix(2);
    if (trim(raw).empty()) {
      ++without_text_;
    } else {
      row->raw = raw;
      row->payload_type = payload_type_of(raw);
      rows_.push_back(std::move(*row));
    }
    row.reset();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    HomerRow next;
    if (text.substr(at).starts_with("proto:") && parse_head(trim(text.substr(at, end - at)), next)) {
      end_message(at);
      if (rows_.size() >= kMostMessages) {
        problems_.damage(fmt::format("Only the first {} messages of the export were read.", kMostMessages));
        return;
      }
      row = std::move(next);
      begin = std::min(end + 1, text.size());
    }
    at = end + 1;
  }
  end_message(text.size());
}

bool HomerExportReader::next(Packet& packet) {
  if (!loaded_) load();
  if (at_ >= rows_.size()) return false;
  const HomerRow& row = rows_[at_++];
  bool cut = false;
  row.to_frame(frame_, cut);
  packet.bytes = frame_;
  packet.wire_length = static_cast<std::uint32_t>(frame_.size() + (cut ? 1 : 0));
  packet.link = LinkType::kHepFrame;
  packet.interface = 0;
  packet.frame = {.input = input_, .number = row.id, .time = row.time()};
  packet.offset = 0;
  count_packet(info_, packet.frame.time);
  return true;
}

}  // namespace voip::capture
