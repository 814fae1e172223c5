#pragma once

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analyze/timeline/content.h"
#include "analyze/timeline/pictures.h"
#include "capture/pcapng_writer.h"
#include "capture/source.h"
#include "session/observer.h"

namespace voip {

// The files of --extract: each appears whole, under its name, when all are written; else none does. One is open at a
// time.
class ExtractFiles {
 public:
  explicit ExtractFiles(std::string directory) : directory_(std::move(directory)) {}
  ~ExtractFiles() {
    for (const File& file : files_) {
      if (file.begun) ::unlink(part_of(file).c_str());
    }
  }
  ExtractFiles(const ExtractFiles&) = delete;
  ExtractFiles& operator=(const ExtractFiles&) = delete;

  std::size_t add(std::string name, capture::PcapngWriter writer) {
    files_.push_back({std::move(name), std::move(writer), {}, false});
    return files_.size() - 1;
  }
  void write(std::size_t at, const capture::Packet& packet, const std::vector<std::string>& comments) {
    File& file = files_[at];
    const std::size_t before = file.waiting.size();
    file.writer.write(packet, comments, file.waiting);
    waiting_ += file.waiting.size() - before;
    if (file.waiting.size() > kMostOfOne) flush(file);
    if (waiting_ > kMostOfAll) {
      for (File& other : files_) flush(other);
    }
  }
  // Gives all files their names. How many there are.
  Result<std::size_t> commit() {
    std::size_t made = 0;
    for (File& file : files_) flush(file);
    if (!error_.empty()) return Error{error_};
    for (File& file : files_) {
      if (!file.begun) continue;
      const std::string target = directory_ + "/" + file.name;
      if (std::rename(part_of(file).c_str(), target.c_str()) != 0)
        return Error{fmt::format("can't write {}: {}", target, std::strerror(errno))};
      file.begun = false;
      ++made;
    }
    return made;
  }

 private:
  static constexpr std::size_t kMostOfOne = 256U << 10;
  static constexpr std::size_t kMostOfAll = 64U << 20;
  struct File {
    std::string name;
    capture::PcapngWriter writer;
    std::string waiting;
    bool begun = false;
  };

  std::string part_of(const File& file) const { return directory_ + "/." + file.name + ".part"; }

  void flush(File& file) {
    waiting_ -= file.waiting.size();
    if (!file.waiting.empty() && error_.empty()) {
      const std::string path = part_of(file);
      std::FILE* out = std::fopen(path.c_str(), file.begun ? "ab" : "wbe");
      const bool good =
          out != nullptr && std::fwrite(file.waiting.data(), 1, file.waiting.size(), out) == file.waiting.size();
      if (out != nullptr) {
        file.begun = true;
        if (std::fclose(out) != 0 || !good) error_ = fmt::format("can't write {}: {}", path, std::strerror(errno));
      } else {
        error_ = fmt::format("can't write {}: {}", path, std::strerror(errno));
      }
    }
    file.waiting.clear();
    if (file.waiting.capacity() > kMostOfOne) file.waiting.shrink_to_fit();
  }

  std::string directory_;
  std::deque<File> files_;
  std::size_t waiting_ = 0;
  std::string error_;
};

// Which packets go where: what the first run found out of calls, their media and of incidents.
class ExtractPlan {
 public:
  static constexpr std::size_t kMostFiles = 10'000;

  ExtractPlan(const analyze::timeline::TimelineContent& content, const capture::PcapngWriter& writer,
              ExtractFiles& files) {
    const auto& record = content.record();
    std::map<std::size_t, std::vector<std::size_t>> by_group;
    std::map<std::string_view, std::size_t> group_of;
    for (std::size_t i = 0; i < record.calls.size(); ++i) {
      by_group[record.calls[i].group].push_back(i);
      group_of.emplace(record.calls[i].call_id, record.calls[i].group);
    }
    std::size_t number = 0;
    for (const std::size_t i : content.wanted_incidents()) {
      const auto& incident = content.story().incidents[i];
      ++number;
      if (full(files_)) continue;
      const std::size_t file =
          files.add(fmt::format("incident-{:03}-{}.pcapng", number, to_string(incident.kind)), writer);
      ++files_;
      for (const IpAddress& source : incident.sources)
        sources_[source].push_back({file, incident.first.time, incident.last.time});
      std::set<std::size_t> groups;
      for (const std::string& id : incident.call_ids) {
        if (const auto at = group_of.find(id); at != group_of.end()) groups.insert(at->second);
      }
      for (const std::size_t group : groups) take_group(record, by_group[group], file);
    }
    number = 0;
    for (const std::size_t group : wanted_groups(record, content.show().narrow)) {
      ++number;
      if (full(files_)) continue;
      const std::string name = fmt::format("call-{:05}-{}.pcapng", number, harmless(record.calls[group].call_id));
      take_group(record, by_group[group], files.add(name, writer));
      ++files_;
    }
  }

  std::uint64_t left_out() const { return left_out_; }

  void files_of(const dissect::SipEvent& event, std::vector<std::size_t>& to) const {
    if (const auto at = calls_.find(std::string(event.message->call_id)); at != calls_.end())
      to.insert(to.end(), at->second.begin(), at->second.end());
    of_source(event.src.address, event.frame.time, to);
    of_source(event.dst.address, event.frame.time, to);
  }
  void files_of(const Endpoint& src, const Endpoint& dst, Timestamp time, std::vector<std::size_t>& to) const {
    const auto at = media_.find(pair_of(src, dst));
    if (at == media_.end()) return;
    for (const Span& span : at->second) {
      if (span.holds(time)) to.push_back(span.file);
    }
  }

 private:
  struct Span {
    std::size_t file = 0;
    Timestamp first;
    Timestamp last;
    bool holds(Timestamp time) const {
      return !later_by(time, first, std::chrono::seconds{1}) && !later_by(last, time, std::chrono::seconds{32});
    }
  };

  bool full(std::size_t files) {
    if (files < kMostFiles) return false;
    ++left_out_;
    return true;
  }
  static std::pair<Endpoint, Endpoint> pair_of(const Endpoint& a, const Endpoint& b) {
    return a < b ? std::pair{a, b} : std::pair{b, a};
  }
  // Nothing that means something to a shell, a file system or a terminal.
  static std::string harmless(std::string_view text) {
    std::string safe;
    for (const char c : text.substr(0, 60)) {
      const bool fine =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      safe += fine ? c : '_';
    }
    return safe;
  }
  void of_source(const IpAddress& address, Timestamp time, std::vector<std::size_t>& to) const {
    const auto at = sources_.find(address);
    if (at == sources_.end()) return;
    for (const Span& span : at->second) {
      if (span.holds(time)) to.push_back(span.file);
    }
  }
  void take_group(const analyze::timeline::Record& record, const std::vector<std::size_t>& legs, std::size_t file) {
    for (const std::size_t i : legs) {
      const auto& call = record.calls[i];
      calls_[call.call_id].push_back(file);
      for (const auto& stream : call.streams) {
        const Span span{file, stream.first.time, stream.last.time};
        media_[pair_of(stream.src, stream.dst)].push_back(span);
        // RTCP beside it.
        const auto next = [](const Endpoint& end) {
          return Endpoint(end.address, static_cast<std::uint16_t>(end.port() + 1));
        };
        media_[pair_of(next(stream.src), next(stream.dst))].push_back(span);
      }
    }
  }

  std::map<std::string, std::vector<std::size_t>> calls_;
  std::map<IpAddress, std::vector<Span>> sources_;
  std::map<std::pair<Endpoint, Endpoint>, std::vector<Span>> media_;
  std::size_t files_ = 0;
  std::uint64_t left_out_ = 0;
};

// The second run: hands packets on, and writes each to its files once what it carried is known. Of a message in several
// packets (TCP segments, fragments) the earlier ones are kept until it is whole.
class ExtractRun final : public capture::PacketSource, public session::Observer {
 public:
  ExtractRun(capture::PacketSource& source, const ExtractPlan& plan, ExtractFiles& files)
      : source_(source), plan_(plan), files_(files) {}

  bool next(capture::Packet& packet) override {
    settle();
    if (!source_.next(packet)) return false;
    current_ = packet;
    current_.bytes = {};
    bytes_.assign(packet.bytes.begin(), packet.bytes.end());
    flow_ = flow_of(packet);
    return true;
  }
  const std::vector<capture::InputInfo>& inputs() const override { return source_.inputs(); }
  const std::vector<capture::Secrets>& secrets() const override { return source_.secrets(); }

  void on_message(const dissect::SipEvent& event, const session::Call*) override { take(event); }
  void on_rtp(session::MediaStream&, const dissect::MediaEvent& event) override { take(event); }
  void on_rtcp(session::RtcpFlow&, const dissect::MediaEvent& event) override { take(event); }
  void on_keying(session::KeyingFlow&, const dissect::MediaEvent& event) override { take(event); }

 private:
  static constexpr std::size_t kMostFlows = 4096;
  static constexpr std::size_t kMostPending = 64;  // packets of one flow
  struct Kept {
    capture::Packet packet;
    std::vector<std::uint8_t> bytes;
  };
  struct Flow {
    std::vector<Kept> packets;
  };

  void take(const dissect::SipEvent& event) {
    const std::size_t before = targets_.size();
    plan_.files_of(event, targets_);
    if (targets_.size() == before || current_.link != capture::LinkType::kHepFrame) return;
    // An archive's message gets the packet that it once was.
    wrapped_ = capture::wrap_udp(event.src, event.dst, event.raw);
    wrapped_v4_ = event.src.address.is_v4() && event.dst.address.is_v4();
  }
  void take(const dissect::MediaEvent& event) {
    plan_.files_of(event.datagram->src, event.datagram->dst, event.datagram->frame.time, targets_);
  }

  // The packet before this one has told all that it had to tell.
  void settle() {
    if (current_.frame.known()) {
      std::ranges::sort(targets_);
      targets_.erase(std::unique(targets_.begin(), targets_.end()), targets_.end());
      if (current_.link == capture::LinkType::kHepFrame) {
        write_wrapped();
      } else {
        write_packets();
      }
    }
    targets_.clear();
    wrapped_.clear();
    current_ = {};
  }

  void write_wrapped() {
    if (wrapped_.empty()) return;
    capture::Packet packet = current_;
    packet.bytes = as_bytes(wrapped_);
    packet.wire_length = static_cast<std::uint32_t>(wrapped_.size());
    packet.link = wrapped_v4_ ? capture::LinkType::kIpv4 : capture::LinkType::kIpv6;
    const std::vector<std::string> comment{fmt::format("made from HEP message {} of an archive", packet.frame.number)};
    for (const std::size_t file : targets_) files_.write(file, packet, comment);
  }

  void write_packets() {
    current_.bytes = bytes_;
    if (flow_.empty()) {
      for (const std::size_t file : targets_) files_.write(file, current_, {comment_of(current_)});
      return;
    }
    if (flows_.size() >= kMostFlows && flows_.count(flow_) == 0) flows_.clear();
    Flow& flow = flows_[flow_];
    if (targets_.empty()) {
      if (flow.packets.size() >= kMostPending) flow.packets.erase(flow.packets.begin());
      flow.packets.push_back({current_, bytes_});
      flow.packets.back().packet.bytes = {};
      return;
    }
    for (const std::size_t file : targets_) {
      for (Kept& kept : flow.packets) {
        capture::Packet packet = kept.packet;
        packet.bytes = kept.bytes;
        files_.write(file, packet, {comment_of(packet)});
      }
      files_.write(file, current_, {comment_of(current_)});
    }
    flow.packets.clear();
  }

  std::string comment_of(const capture::Packet& packet) const {
    return fmt::format("frame {} of input {}", packet.frame.number, packet.frame.input);
  }

  // What the pieces of one message have in common: the addresses, protocol and ports of TCP, or of a fragment. Empty:
  // the packet stands for itself.
  static std::string flow_of(const capture::Packet& packet) {
    ByteView in = packet.bytes;
    std::size_t type = 0;
    switch (packet.link) {
      case capture::LinkType::kEthernet:
        if (in.size() < 14) return {};
        type = load_be<std::uint16_t>(in.data() + 12);
        in = in.subspan(14);
        while ((type == 0x8100 || type == 0x88a8) && in.size() >= 4) {
          type = load_be<std::uint16_t>(in.data() + 2);
          in = in.subspan(4);
        }
        break;
      case capture::LinkType::kLinuxSll: in = after_bytes(in, 16); break;
      case capture::LinkType::kLinuxSll2: in = after_bytes(in, 20); break;
      case capture::LinkType::kNull:
      case capture::LinkType::kLoop: in = after_bytes(in, 4); break;
      default: break;
    }
    if (in.size() < 40) return {};
    const std::string_view text = as_text(in);
    if (in[0] >> 4 == 4) {
      const std::size_t head = static_cast<std::size_t>(in[0] & 15) * 4;
      const std::size_t offset = load_be<std::uint16_t>(in.data() + 6) & 0x3fffU;
      if (offset != 0)
        return "f" + std::string(text.substr(4, 2)) + std::string(text.substr(9, 1)) + std::string(text.substr(12, 8));
      if (in[9] != 6 || in.size() < head + 20) return {};
      return "t" + std::string(text.substr(12, 8)) + std::string(text.substr(head, 4));
    }
    if (in[0] >> 4 == 6) {
      if (in[6] == 44 && in.size() >= 48)
        return "F" + std::string(text.substr(8, 32)) + std::string(text.substr(44, 4));
      if (in[6] != 6 || in.size() < 60) return {};
      return "T" + std::string(text.substr(8, 32)) + std::string(text.substr(40, 4));
    }
    return {};
  }

  capture::PacketSource& source_;
  const ExtractPlan& plan_;
  ExtractFiles& files_;
  capture::Packet current_{};
  std::vector<std::uint8_t> bytes_;
  std::string flow_;
  std::map<std::string, Flow> flows_;
  std::vector<std::size_t> targets_;
  std::string wrapped_;
  bool wrapped_v4_ = true;
};

}  // namespace voip
