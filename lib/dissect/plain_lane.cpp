#include "dissect/plain_lane.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "dissect/classify.h"
#include "dissect/media_lane.h"

namespace voip::dissect {
namespace {

constexpr std::uint64_t kSearchBytes = 256U << 10;  // of a stream entered in its middle, before it is given up
constexpr std::uint64_t kPostBytes = 64U << 10;     // of a POST, in search of SIP
constexpr std::size_t kLongestHandshake = 16384;
constexpr std::size_t kKeptOfLine = 1024;
constexpr std::size_t kKeptCapacity = 4096;  // of an empty buffer

Seen tcp_text(TextKind kind) {
  switch (kind) {
    case TextKind::kHttp:
    case TextKind::kSsdp: return Seen::kTcpHttp;
    case TextKind::kRtsp: return Seen::kTcpRtsp;
    case TextKind::kMsrp: return Seen::kTcpMsrp;
    case TextKind::kIcap: return Seen::kTcpIcap;
    default: return Seen::kTcpUnknown;
  }
}

struct Start {
  bool found = false;
  std::size_t at = 0;  // found: of the start line; else what lies before may be forgotten
};

// Where no line is known to begin, "ESSAGE sip:..." would be a method like any other: there it must be a known one.
bool certain_start(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  const std::string_view word = text.substr(0, find_any(text, 0, ' ', '\t', '/'));
  return word == "SIP" || sip::method_of(word) != sip::Method::kOther;
}

// A start line behind the end of a body that had no line end of its own: "</xml>BYE sip:a@b SIP/2.0". Its offset.
std::optional<std::size_t> start_within(std::string_view line) {
  constexpr std::size_t kLongestMethod = 9;
  constexpr std::string_view kStatus = "SIP/2.0 ";
  for (std::size_t at = line.find(kStatus); at != std::string_view::npos; at = line.find(kStatus, at + 1)) {
    const std::string_view code = line.substr(at + kStatus.size());
    if (code.size() > 3 && std::ranges::all_of(code.substr(0, 3), is_digit) && code[3] == ' ') return at;
  }
  if (!trim(line).ends_with(" SIP/2.0")) return std::nullopt;
  for (std::size_t uri = line.find(" sip"); uri != std::string_view::npos; uri = line.find(" sip", uri + 1)) {
    for (std::size_t length = 3; length <= kLongestMethod && length <= uri; ++length) {
      if (sip::method_of(line.substr(uri - length, length)) != sip::Method::kOther) return uri - length;
    }
  }
  return std::nullopt;
}

// The first start line, each byte looked at about once. The bytes may begin within a line.
Start find_start_line(ByteView bytes) {
  const std::string_view text = as_text(bytes);
  for (std::size_t at = 0; at < text.size();) {
    const sip::Looks looks = sip::looks_like_sip(bytes.subspan(at));
    if (looks == sip::Looks::kYes && certain_start(bytes.subspan(at))) return {true, at};
    if (looks == sip::Looks::kNeedMore) return {false, at};
    const std::size_t line_feed = text.find('\n', at);
    const std::string_view line = text.substr(at, line_feed == std::string_view::npos ? line_feed : line_feed - at);
    if (const auto within = start_within(line);
        within && sip::looks_like_sip(bytes.subspan(at + *within)) == sip::Looks::kYes) {
      return {true, at + *within};
    }
    if (looks == sip::Looks::kYes && at != 0) return {true, at};
    if (line_feed == std::string_view::npos) {
      // Half a line; what of it may still be a start line is kept.
      return {false, text.size() - std::min(line.size(), kKeptOfLine)};
    }
    at = line_feed + 1;
  }
  return {false, text.size()};
}

// Whether bytes from the middle of a stream begin with a frame that carries the beginning of a SIP message.
bool plausible_sip_frame(ByteView bytes) {
  constexpr std::size_t kLooked = 512;
  const auto header = websocket::parse_header(bytes);
  if (!header || header->rsv1 || websocket::is_control(header->opcode) || header->length < 16) return false;
  if (header->opcode == websocket::Opcode::kContinuation) return false;
  const ByteView payload = first_bytes(first_bytes(after_bytes(bytes, header->size), kLooked),
                                       static_cast<std::size_t>(std::min<std::uint64_t>(header->length, kLooked)));
  std::array<std::uint8_t, kLooked> clear{};
  std::ranges::copy(payload, clear.begin());
  const std::span<std::uint8_t> text = std::span{clear}.first(payload.size());
  if (header->masked) websocket::apply_mask(text, header->key);
  return sip::looks_like_sip(text) == sip::Looks::kYes;
}

}  // namespace

void PlainLane::expect_sip() {
  if (mode_ == Mode::kUndecided || mode_ == Mode::kIgnored) {
    synced_ = mode_ == Mode::kUndecided && !mid_stream_;
    mode_ = Mode::kSip;
  }
}

void PlainLane::expect_web_socket() {
  if (mode_ == Mode::kUndecided && mid_stream_) mode_ = Mode::kWebSocket;
}

void PlainLane::ignore() {
  mode_ = Mode::kIgnored;
  drop();
}

void PlainLane::drop() {
  buffer_ = {};
  message_ = {};
  restart_message();
  in_frame_ = false;
  message_open_ = false;
  synced_ = false;
  skip_ = 0;
}

std::vector<std::uint8_t> PlainLane::take_buffer() { return std::move(buffer_); }

void PlainLane::restart_message() {
  scanner_ = {};
  wanted_ = 0;
}

void PlainLane::feed(const Input& input, Context& context) {
  started_ = true;
  if (mode_ == Mode::kIgnored || mode_ == Mode::kTls || mode_ == Mode::kMedia) return;
  if (input.lost != 0 || input.loss_unbounded) gap(input, context);
  ByteView bytes = input.bytes;
  if (skip_ != 0) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    skip_ -= skipped;
    bytes = bytes.subspan(skipped);
  }
  if (bytes.empty()) return;
  if (buffer_.empty()) {
    const std::size_t used = advance(bytes, input, context);
    const ByteView rest = bytes.subspan(used);
    buffer_.assign(rest.begin(), rest.end());
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    const std::size_t used = advance(buffer_, input, context);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used));
  }
  // Not before: the steps read from these buffers.
  if (mode_ == Mode::kIgnored) return drop();
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) buffer_ = {};
  if (!buffer_.empty() || message_open_) buffered_ = input.origin;
}

std::size_t PlainLane::advance(ByteView bytes, const Input& input, Context& context) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ByteView rest = bytes.subspan(used);
    Step step;
    switch (mode_) {
      case Mode::kUndecided: step = decide(rest, input, context); break;
      case Mode::kSip: step = sip(rest, input, context); break;
      case Mode::kHandshake: step = handshake(rest, input, context); break;
      case Mode::kPost: step = post(rest); break;
      case Mode::kWebSocket: step = web_socket(rest, input, context); break;
      case Mode::kTls:
      case Mode::kMedia: return used;
      case Mode::kIgnored: return bytes.size();
    }
    used += step.used;
    if (skip_ != 0) {
      const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size() - used));
      skip_ -= skipped;
      used += skipped;
    }
    if (step.more) break;
  }
  return used;
}

PlainLane::Step PlainLane::decide(ByteView bytes, const Input& input, Context& context) {
  const ByteView text = without_leading_blank_lines(bytes);
  const std::size_t blank = bytes.size() - text.size();
  if (text.empty()) {
    context.tally.count(Seen::kSipKeepalive, input.origin.frame);
    return {.used = bytes.size()};
  }
  if (blank == 0 && input.tls_allowed) {
    switch (looks_like_tls(bytes)) {
      case TlsLooks::kYes: mode_ = Mode::kTls; return {.more = true};
      case TlsLooks::kMaybe: return {.more = true};
      case TlsLooks::kNo: break;
    }
  }
  const TextKind kind = text_kind(text);
  switch (kind) {
    case TextKind::kSip:
      mode_ = Mode::kSip;
      synced_ = !mid_stream_ || certain_start(text);
      return {.used = blank};
    case TextKind::kMaybeSip: return {.more = true, .used = blank};
    case TextKind::kHttp: mode_ = Mode::kHandshake; return {.used = blank};
    default: break;
  }
  if (blank == 0 && kind == TextKind::kOther) {
    switch (media_framing(bytes)) {
      case Framing::kLengths:
      case Framing::kTurn: mode_ = Mode::kMedia; return {.more = true};
      case Framing::kMaybe: return {.more = true};
      case Framing::kNone: break;
    }
  }
  if (mid_stream_ && kind == TextKind::kOther) {
    if (plausible_sip_frame(bytes)) {
      mode_ = Mode::kWebSocket;
      synced_ = true;
      return {};
    }
    return search(bytes, context, input.origin.frame);
  }
  context.tally.count(tcp_text(kind), input.origin.frame);
  opening_ = kind == TextKind::kOther ? Opening::kUnknown : Opening::kOtherText;
  mode_ = Mode::kIgnored;
  return {.used = bytes.size()};
}

// For the first start line in a stream that is entered in its middle.
PlainLane::Step PlainLane::search(ByteView bytes, Context& context, const FrameRef& frame) {
  const Start start = find_start_line(bytes);
  if (start.found) {
    mode_ = Mode::kSip;
    synced_ = true;
    return {.used = start.at};
  }
  searched_ += start.at;
  if (searched_ > kSearchBytes) {
    context.tally.count(Seen::kTcpUnknown, frame);
    mode_ = Mode::kIgnored;
    return {.used = bytes.size()};
  }
  return {.more = true, .used = start.at};
}

PlainLane::Step PlainLane::sip(ByteView bytes, const Input& input, Context& context) {
  using State = sip::StreamLength::State;
  if (!synced_) {
    const Start start = find_start_line(bytes);
    if (start.found) synced_ = true;
    return {.more = !start.found, .used = start.at};
  }
  const ByteView text = without_leading_blank_lines(bytes);
  if (const std::size_t blank = bytes.size() - text.size(); blank != 0) {
    context.tally.count(Seen::kSipKeepalive, input.origin.frame);
    return {.used = blank};
  }
  const sip::StreamLength length = scanner_.feed(bytes, context.limits.sip_message_bytes);
  switch (length.state) {
    case State::kComplete:
      restart_message();
      if (context.reader.read(bytes.first(length.length), true, false, input.origin, context.observer)) proven_ = true;
      return {.used = length.length};
    case State::kNeedMore: wanted_ = length.length; return {.more = true};
    case State::kNotSip: break;
  }
  const bool too_long = scanner_.head_complete() || bytes.size() >= context.limits.sip_message_bytes;
  restart_message();
  synced_ = false;
  if (!too_long) {
    // Bytes that no message's length covers, or the other half of a start line that was lost.
    context.tally.count(Seen::kSipStreamSkipped, input.origin.frame);
    return {};
  }
  context.tally.count(Seen::kSipTooLong, input.origin.frame);
  const ByteView head = first_bytes(bytes, context.limits.sip_message_bytes);
  context.reader.read(head, true, true, input.origin, context.observer);
  return {.used = head.size()};
}

PlainLane::Step PlainLane::handshake(ByteView bytes, const Input& input, Context& context) {
  const auto parsed = websocket::parse_handshake(bytes);
  if (!parsed && parsed.error().kind == Malformed::kTruncated && bytes.size() < kLongestHandshake)
    return {.more = true};
  // Without a subprotocol the messages themselves must show whether it is SIP.
  if (!parsed || !parsed->upgrade || (parsed->has_protocol && !parsed->sip)) {
    context.tally.count(Seen::kTcpHttp, input.origin.frame);
    if (as_text(bytes).starts_with("POST ")) {
      opening_ = Opening::kHttpPost;
      mode_ = Mode::kPost;
      return {};
    }
    if (!parsed || !parsed->upgrade) opening_ = Opening::kHttp;
    mode_ = Mode::kIgnored;
    return {.used = bytes.size()};
  }
  mode_ = Mode::kWebSocket;
  synced_ = true;
  proven_ = parsed->sip;
  return {.used = parsed->size};
}

// Padding moves the request to the start of a segment, where a gateway that helps SIP along looks for it: each segment
// is searched for itself.
PlainLane::Step PlainLane::post(ByteView bytes) {
  const Start start = find_start_line(bytes);
  searched_ += bytes.size();
  sip_in_post_ = start.found && certain_start(bytes.subspan(start.at)) && as_text(bytes).substr(start.at, 4) != "SIP/";
  sip_begins_segment_ = sip_in_post_ && start.at == 0;
  if (sip_in_post_ || searched_ > kPostBytes) mode_ = Mode::kIgnored;
  return {.used = bytes.size()};
}

PlainLane::Step PlainLane::web_socket(ByteView bytes, const Input& input, Context& context) {
  if (!synced_) {
    // Frames have no mark to find: only where a segment begins with one that carries SIP they can be met again.
    if (!plausible_sip_frame(bytes)) return {.used = bytes.size()};
    synced_ = true;
    in_frame_ = message_open_ = false;
  }
  std::size_t used = 0;
  if (!in_frame_) {
    const auto header = websocket::parse_header(bytes);
    if (!header) {
      if (header.error().kind == Malformed::kTruncated) return {.more = true};
      context.tally.count(Seen::kWebSocketBadFrame, input.origin.frame);
      synced_ = false;
      return {.used = bytes.size()};
    }
    header_ = *header;
    used = header_.size;
    taken_ = 0;
    if (!websocket::is_control(header_.opcode)) {
      const bool continued = header_.opcode == websocket::Opcode::kContinuation;
      if (continued != message_open_) {
        context.tally.count(Seen::kWebSocketBadFrame, input.origin.frame);
        if (continued) {
          message_open_ = true;  // a message whose beginning is missing
          message_dropped_ = true;
        }
      }
      if (!continued) {
        message_.clear();
        message_open_ = true;
        message_cut_ = false;
        message_dropped_ = false;
        message_compressed_ = header_.rsv1;
      }
      const std::uint64_t room = context.limits.websocket_frame_bytes - message_.size();
      if (header_.length > room && !message_dropped_) {
        context.tally.count(Seen::kSipTooLong, input.origin.frame);
        message_dropped_ = true;
        message_ = {};
      }
      // The usual message of a server: one whole frame, unmasked. No copy.
      if (header_.fin && !continued && !header_.masked && !message_dropped_ && bytes.size() - used >= header_.length) {
        const ByteView payload = bytes.subspan(used, static_cast<std::size_t>(header_.length));
        message_open_ = false;
        deliver(payload, false, input, context);
        return {.used = used + payload.size()};
      }
    }
    in_frame_ = true;
  }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(header_.length - taken_, bytes.size() - used));
  if (!websocket::is_control(header_.opcode) && !message_dropped_ && !message_cut_) {
    const ByteView piece = bytes.subspan(used, n);
    const std::size_t before = message_.size();
    message_.insert(message_.end(), piece.begin(), piece.end());
    if (header_.masked) websocket::apply_mask(std::span{message_}.subspan(before), header_.key, taken_);
  }
  taken_ += n;
  used += n;
  if (taken_ == header_.length) end_frame(input, context);
  return {.used = used};
}

void PlainLane::end_frame(const Input& input, Context& context) {
  in_frame_ = false;
  if (websocket::is_control(header_.opcode) || !header_.fin) return;
  message_open_ = false;
  if (!message_dropped_) deliver(message_, message_cut_, input, context);
  if (message_.capacity() > kKeptCapacity) {
    message_ = {};
  } else {
    message_.clear();
  }
}

// RFC 7118 section 5: a message of WebSocket is a message of SIP.
void PlainLane::deliver(ByteView message, bool cut, const Input& input, Context& context) {
  if (message_compressed_) {
    context.tally.count(Seen::kWebSocketCompressed, input.origin.frame);
    return;
  }
  const ByteView text = without_leading_blank_lines(message);
  if (is_keepalive(text)) {
    context.tally.count(Seen::kSipKeepalive, input.origin.frame);
    return;
  }
  if (sip::looks_like_sip(text) == sip::Looks::kYes) {
    SipOrigin origin = input.origin;
    origin.signalling = encrypted(origin.signalling) ? Signalling::kWss : Signalling::kWs;
    if (context.reader.read(text, false, cut, origin, context.observer)) proven_ = true;
    return;
  }
  context.tally.count(Seen::kWebSocketNotSip, input.origin.frame);
  if (!proven_) mode_ = Mode::kIgnored;
}

void PlainLane::gap(const Input& input, Context& context) {
  const std::uint64_t lost = input.loss_unbounded ? ~std::uint64_t{0} : input.lost;
  switch (mode_) {
    case Mode::kSip: {
      if (skip_ != 0) {
        synced_ = lost <= skip_;
        skip_ = synced_ ? skip_ - lost : 0;
        return;
      }
      context.tally.count(Seen::kSipStreamGap, input.origin.frame);
      if (!synced_ || buffer_.empty()) {
        // A gap between two messages: what is gone may have been half of one.
        buffer_.clear();
        restart_message();
        synced_ = false;
        return;
      }
      const std::uint64_t missing = wanted_ > buffer_.size() ? wanted_ - buffer_.size() : 0;
      tell_unfinished(context);
      synced_ = missing != 0 && lost <= missing;
      skip_ = synced_ ? missing - lost : 0;
      return;
    }
    case Mode::kWebSocket: {
      context.tally.count(Seen::kWebSocketGap, input.origin.frame);
      if (synced_ && in_frame_ && lost <= header_.length - taken_) {
        taken_ += lost;
        message_cut_ = true;
        if (taken_ == header_.length) end_frame(input, context);
        return;
      }
      tell_unfinished(context);
      in_frame_ = message_open_ = synced_ = false;
      return;
    }
    case Mode::kUndecided:
    case Mode::kHandshake:
      buffer_.clear();
      mode_ = Mode::kUndecided;
      mid_stream_ = true;
      return;
    case Mode::kPost:
    case Mode::kTls:
    case Mode::kMedia:
    case Mode::kIgnored: return;
  }
}

void PlainLane::tell_unfinished(Context& context) {
  if (mode_ == Mode::kSip && synced_ && !buffer_.empty() && sip::looks_like_sip(buffer_) == sip::Looks::kYes) {
    context.reader.read(buffer_, true, true, buffered_, context.observer);
  } else if (mode_ == Mode::kWebSocket && message_open_ && !message_dropped_ && !message_compressed_ &&
             sip::looks_like_sip(message_) == sip::Looks::kYes) {
    SipOrigin origin = buffered_;
    origin.signalling = encrypted(origin.signalling) ? Signalling::kWss : Signalling::kWs;
    context.reader.read(message_, false, true, origin, context.observer);
  }
  buffer_.clear();
  message_.clear();
  restart_message();
}

void PlainLane::end(Context& context) {
  tell_unfinished(context);
  drop();
}

}  // namespace voip::dissect
