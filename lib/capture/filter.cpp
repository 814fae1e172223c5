#include "capture/filter.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace voip::capture {
namespace {

constexpr int kSnapLength = 262144;
constexpr std::size_t kMostLinkTypes = 64;

// DLT_ values are LINKTYPE_ values, but for a few.
int dlt_of(LinkType link) {
  switch (link) {
    case LinkType::kRaw:
    case LinkType::kRawBsd:
    case LinkType::kRawOpenBsd: return DLT_RAW;
    default: return static_cast<int>(link);
  }
}

}  // namespace

namespace {

using namespace std::string_view_literals;

// Words of the language that are no names, pcap-filter(7).
constexpr std::array kWords{
    "host"sv,      "net"sv,      "port"sv,     "portrange"sv, "proto"sv,      "protochain"sv,  "src"sv,
    "dst"sv,       "or"sv,       "and"sv,      "not"sv,       "gateway"sv,    "broadcast"sv,   "multicast"sv,
    "less"sv,      "greater"sv,  "mask"sv,     "ether"sv,     "fddi"sv,       "tr"sv,          "wlan"sv,
    "link"sv,      "ppp"sv,      "slip"sv,     "ip"sv,        "ip6"sv,        "arp"sv,         "rarp"sv,
    "tcp"sv,       "udp"sv,      "sctp"sv,     "icmp"sv,      "icmp6"sv,      "igmp"sv,        "igrp"sv,
    "pim"sv,       "vrrp"sv,     "carp"sv,     "esp"sv,       "ah"sv,         "decnet"sv,      "lat"sv,
    "sca"sv,       "moprc"sv,    "mopdl"sv,    "atalk"sv,     "aarp"sv,       "iso"sv,         "esis"sv,
    "es-is"sv,     "isis"sv,     "is-is"sv,    "clnp"sv,      "stp"sv,        "ipx"sv,         "netbeui"sv,
    "l1"sv,        "l2"sv,       "iih"sv,      "lsp"sv,       "snp"sv,        "csnp"sv,        "psnp"sv,
    "vlan"sv,      "mpls"sv,     "pppoed"sv,   "pppoes"sv,    "geneve"sv,     "inbound"sv,     "outbound"sv,
    "ifindex"sv,   "ifname"sv,   "on"sv,       "rnr"sv,       "rulenum"sv,    "srnr"sv,        "subrulenum"sv,
    "rset"sv,      "ruleset"sv,  "reason"sv,   "action"sv,    "type"sv,       "subtype"sv,     "dir"sv,
    "direction"sv, "ra"sv,       "ta"sv,       "addr1"sv,     "addr2"sv,      "addr3"sv,       "addr4"sv,
    "address1"sv,  "address2"sv, "address3"sv, "address4"sv,  "len"sv,        "length"sv,      "radio"sv,
    "byte"sv,      "llc"sv,      "lane"sv,     "metac"sv,     "bcc"sv,        "sc"sv,          "ilmic"sv,
    "oam"sv,       "oamf4"sv,    "oamf4ec"sv,  "oamf4sc"sv,   "connectmsg"sv, "metaconnect"sv, "vpi"sv,
    "vci"sv,       "fisu"sv,     "lssu"sv,     "lsu"sv,       "msu"sv,        "opc"sv,         "dpc"sv,
    "sls"sv,       "hfisu"sv,    "hlssu"sv,    "hmsu"sv,      "hopc"sv,       "hdpc"sv,        "hsls"sv,
    "sio"sv,       "hsio"sv,     "tcpflags"sv, "icmptype"sv,  "icmpcode"sv,   "icmp6type"sv,   "icmp6code"sv,
    "fragmented"sv};
// The word behind one of these is a service, an interface or a kind of frame: never asked from the network.
constexpr std::array kTakesName{"port"sv,    "portrange"sv, "proto"sv,     "protochain"sv, "type"sv,
                                "subtype"sv, "dir"sv,       "direction"sv, "ifname"sv,     "on"sv,
                                "reason"sv,  "action"sv,    "ruleset"sv,   "rset"sv,       "llc"sv};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool consists_of(std::string_view word, std::string_view others, bool hex) {
  return std::all_of(word.begin(), word.end(), [&](char c) {
    return is_digit(c) || (hex && is_alpha(c) && ascii_lower(c) <= 'f') || others.find(c) != std::string_view::npos;
  });
}

bool is_number_or_address(std::string_view word) {
  if (consists_of(word, "./-", false)) return true;  // 5060-5061, 10.0.0.0/8
  if (istarts_with(word, "0x")) return consists_of(word.substr(2), "", true);
  if (word.find(':') != std::string_view::npos) return consists_of(word, ":./", true);    // IPv6, MAC
  return std::count(word.begin(), word.end(), '-') == 5 && consists_of(word, "-", true);  // MAC
}

bool is_word_character(char c) {
  return is_alpha(c) || is_digit(c) || c == '.' || c == ':' || c == '-' || c == '_' || c == '/' || c == '\\';
}

}  // namespace

std::string host_name_in(std::string_view expression) {
  std::string_view before;
  TextCursor in{expression};
  bool within_brackets = false;  // proto[offset:size]: numbers and constants
  while (!in.at_end()) {
    std::string_view word = in.take_while(is_word_character);
    if (word.empty()) {
      const char c = in.peek();
      if (c == '[') within_brackets = true;
      if (c == ']') within_brackets = false;
      (void)in.accept(c);
      continue;
    }
    if (within_brackets) continue;
    std::string_view bare = word;
    while (bare.starts_with('\\')) bare.remove_prefix(1);
    const bool harmless = is_number_or_address(bare) || is_one_of(kWords, bare) || is_one_of(kTakesName, before) ||
                          bare.starts_with("icmp-") || bare.starts_with("icmp6-") || bare.starts_with("tcp-");
    if (!harmless) return std::string(bare);
    before = word;
  }
  return {};
}

struct Filter::Compiled {
  explicit Compiled(LinkType of) : link(of) {}
  ~Compiled() {
    if (usable) pcap_freecode(&program);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  LinkType link;
  bpf_program program{};
  bool usable = false;
  std::string error;
};

Filter::Filter(std::string expression) : expression_(std::move(expression)) {}
Filter::~Filter() = default;

Filter::Compiled& Filter::compiled(LinkType link) {
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    if (compiled_[i]->link != link) continue;
    if (i != 0) std::swap(compiled_[i], compiled_[0]);
    return *compiled_[0];
  }
  if (compiled_.size() >= kMostLinkTypes) compiled_.pop_back();
  auto fresh = std::make_unique<Compiled>(link);
  if (pcap_t* dead = pcap_open_dead(dlt_of(link), kSnapLength); dead != nullptr) {
    fresh->usable = pcap_compile(dead, &fresh->program, expression_.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!fresh->usable) fresh->error = pcap_geterr(dead);
    pcap_close(dead);
  } else {
    fresh->error = "libpcap has no memory for it";
  }
  if (!fresh->usable && fresh->error.empty()) fresh->error = "it can't be compiled";
  compiled_.insert(compiled_.begin(), std::move(fresh));
  return *compiled_.front();
}

const std::string& Filter::error(LinkType link) { return compiled(link).error; }

bool Filter::matches(const Packet& packet) {
  if (packet.link == LinkType::kHepFrame) return true;
  const Compiled& program = compiled(packet.link);
  if (!program.usable) return false;
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(packet.bytes.size());
  header.len = packet.wire_length;
  return pcap_offline_filter(&program.program, &header, packet.bytes.data()) != 0;
}

}  // namespace voip::capture
