#include "analyze/fraud/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/text.h"

namespace voip::analyze::fraud {

namespace {

constexpr std::array<std::pair<std::string_view, EmitKind>, 6> kNames{{{"nftables", EmitKind::kNftables},
                                                                       {"ipset", EmitKind::kIpset},
                                                                       {"fail2ban", EmitKind::kFail2ban},
                                                                       {"kamailio-htable", EmitKind::kKamailioHtable},
                                                                       {"kamailio-address", EmitKind::kKamailioAddress},
                                                                       {"asterisk-acl", EmitKind::kAsteriskAcl}}};

}  // namespace

std::optional<EmitKind> emit_kind_of(std::string_view name) {
  for (const auto& [text, kind] : kNames) {
    if (iequals(text, name)) return kind;
  }
  return std::nullopt;
}

std::vector<Block> blocks_of(const std::vector<Incident>& incidents,
                             const std::function<bool(const IpAddress&)>& blockable, const EmitOptions& options) {
  std::map<IpAddress, Block> found;
  for (const Incident& incident : incidents) {
    if (!incident.certain_attacker || incident.lead().confidence == report::Confidence::kPossible) continue;
    for (const IpAddress& source : incident.sources) {
      if (source.unspecified() || source.multicast() || source.loopback()) continue;
      if (source.is_private() && !options.allow_private) continue;
      if (!blockable(source)) continue;
      Block& block = found[source];
      const bool first = block.rule.empty();
      if (first || incident.messages > block.count) {
        block.address = source;
        block.rule = incident.lead().rule->id;
        block.count = incident.messages;
        block.window_s = std::max<std::int64_t>(
            1, static_cast<std::int64_t>(seconds_between(incident.first.time, incident.last.time)));
      }
      block.last = first ? incident.last.time : std::max(block.last, incident.last.time);
    }
  }
  std::vector<Block> blocks;
  for (const auto& [address, block] : found) {
    if (blocks.size() >= options.max_entries) break;
    blocks.push_back(block);
  }
  return blocks;
}

std::string emit(EmitKind kind, const std::vector<Block>& blocks, const EmitOptions& options) {
  std::string out;
  const auto line = [&](std::string text) {
    out += text;
    out += '\n';
  };
  switch (kind) {
    case EmitKind::kNftables:
      line("# nft -f FILE; then drop what comes from @block4 and @block6 in a chain of yours");
      line("add table inet voip");
      line("add set inet voip block4 { type ipv4_addr; flags interval, timeout; auto-merge; }");
      line("add set inet voip block6 { type ipv6_addr; flags interval, timeout; auto-merge; }");
      for (const Block& block : blocks)
        line(fmt::format("add element inet voip {} {{ {} timeout {}s comment \"fraud-scan:{}\" }}",
                         block.address.is_v4() ? "block4" : "block6", block.address.to_string(), options.seconds,
                         block.rule));
      break;
    case EmitKind::kIpset:
      line(fmt::format("create voip-block4 hash:net family inet timeout {} maxelem 131072 comment -exist",
                       options.seconds));
      line(fmt::format("create voip-block6 hash:net family inet6 timeout {} maxelem 131072 comment -exist",
                       options.seconds));
      for (const Block& block : blocks)
        line(fmt::format("add {} {} timeout {} comment \"fraud-scan:{}\" -exist",
                         block.address.is_v4() ? "voip-block4" : "voip-block6", block.address.to_string(),
                         options.seconds, block.rule));
      break;
    case EmitKind::kFail2ban:
      for (const Block& block : blocks)
        line(fmt::format("{} fraud-scan[0]: BLOCK rule={} src={} count={} window={}", format_utc(block.last, 3),
                         block.rule, block.address.to_string(), block.count, block.window_s));
      break;
    case EmitKind::kKamailioHtable:
      for (const Block& block : blocks) {
        line(fmt::format("kamcmd htable.seti ipban {} 1", block.address.to_string()));
        line(fmt::format("kamcmd htable.setex ipban {} {}", block.address.to_string(), options.seconds));
      }
      break;
    case EmitKind::kKamailioAddress:
      for (const Block& block : blocks)
        line(fmt::format("666 {} {} 0 {}", block.address.to_string(), block.address.is_v4() ? 32 : 128, block.rule));
      break;
    case EmitKind::kAsteriskAcl:
      line("[voip-block]");
      line("permit=0.0.0.0/0.0.0.0");
      line("permit=::/0");
      for (const Block& block : blocks)
        line(fmt::format("deny={}/{}", block.address.to_string(), block.address.is_v4() ? 32 : 128));
      break;
  }
  return out;
}

}  // namespace voip::analyze::fraud
