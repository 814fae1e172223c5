#include <algorithm>
#include <map>

#include "session/call.h"

namespace voip::session {

namespace {

// Where one side of a dialog on one hop wants its media: its first m= line in use.
Endpoint side_endpoint(const DialogLeg& dialog, bool caller) {
  for (const Exchange& exchange : dialog.exchanges) {
    for (const SdpUse* use : {&exchange.offer, &exchange.answer}) {
      if (use->sdp == nullptr || use->from_caller != caller) continue;
      for (const MediaLine& line : use->sdp->media()) {
        if (line.port != 0 && !line.rtp.address.unspecified()) return line.rtp;
      }
    }
  }
  return {};
}

Endpoint first_endpoint(const SdpUse& use) {
  for (const MediaLine& line : use.sdp->media()) {
    if (line.port != 0) return line.rtp;
  }
  return {};
}

struct Group {
  Endpoint caller;
  Endpoint callee;
  Leg leg;
};

bool known(const Endpoint& endpoint) { return endpoint != Endpoint{}; }

// The same pair of media endpoints, as far as both were seen.
bool same_leg(const Group& group, const Endpoint& caller, const Endpoint& callee) {
  const bool callers = !known(group.caller) || !known(caller) || group.caller == caller;
  const bool callees = !known(group.callee) || !known(callee) || group.callee == callee;
  const bool something = (known(caller) && group.caller == caller) || (known(callee) && group.callee == callee);
  return callers && callees && something;
}

// How well a stream fits an m= line's sockets: 2 for its destination, 1 for its source.
int fit(const MediaStream& stream, const MediaLine& line) {
  if (line.port == 0 || !line.rtp_profile()) return 0;
  const auto names = [&line](const Endpoint& end) {
    return line.rtp == end || std::ranges::find(line.candidates, end) != line.candidates.end();
  };
  const bool behind = stream.behind != Endpoint{} && names(stream.behind);
  return (names(stream.key.dst) || (behind && stream.behind_dst) ? 2 : 0) +
         (names(stream.key.src) || (behind && !stream.behind_dst) ? 1 : 0);
}

// Whether the stream's payload types are of this m= line (several lines may share a port: BUNDLE).
bool carries(const MediaStream& stream, const MediaLine& line) {
  return std::ranges::any_of(line.codecs,
                             [&](const Codec& codec) { return stream.payload_types.test(codec.payload_type); });
}

struct Place {
  std::size_t leg = 0;
  std::size_t line = 0;
  int score = 0;
};

// Offer and answer together: the leg that names both ends of a stream is nearer than one that names only one.
void weigh(const MediaStream& stream, const SdpUse& offer, const SdpUse& answer, std::size_t leg, Place& best) {
  const std::size_t offered = offer.sdp == nullptr ? 0 : offer.sdp->media().size();
  const std::size_t answered = answer.sdp == nullptr ? 0 : answer.sdp->media().size();
  for (std::size_t i = 0; i < std::max(offered, answered); ++i) {
    int ends = 0;
    bool carried = false;
    if (i < offered) {
      ends += fit(stream, offer.sdp->media()[i]);
      carried |= carries(stream, offer.sdp->media()[i]);
    }
    if (i < answered) {
      ends += fit(stream, answer.sdp->media()[i]);
      carried |= carries(stream, answer.sdp->media()[i]);
    }
    if (ends == 0) continue;
    const int score = ends * 4 + (carried ? 2 : 0);
    if (score > best.score) best = {leg, i, score};
  }
}

std::size_t line_count(const Leg& leg) {
  std::size_t count = 0;
  const auto widen = [&count](const SdpUse& use) {
    if (use.sdp != nullptr) count = std::max(count, use.sdp->media().size());
  };
  for (const DialogLeg* dialog : leg.path) {
    for (const Exchange& exchange : dialog->exchanges) {
      widen(exchange.offer);
      widen(exchange.answer);
    }
  }
  for (const SdpUse* use : leg.lone_offers) widen(*use);
  if (leg.refusal != nullptr) widen(leg.refusal->offer);
  return count;
}

}  // namespace

Legs assemble_legs(const Call& call) {
  std::vector<Group> groups;
  for (const DialogLeg& dialog : call.dialogs) {
    if (dialog.exchanges.empty()) continue;
    const Endpoint caller = side_endpoint(dialog, true);
    const Endpoint callee = side_endpoint(dialog, false);
    auto group = std::ranges::find_if(groups, [&](const Group& g) { return same_leg(g, caller, callee); });
    if (group == groups.end()) {
      groups.push_back({caller, callee, {}});
      group = groups.end() - 1;
    }
    if (!known(group->caller)) group->caller = caller;
    if (!known(group->callee)) group->callee = callee;
    group->leg.path.push_back(&dialog);
    group->leg.hops.push_back(dialog.hop);
    group->leg.confirmed |= dialog.confirmed;
  }
  // Answers come from the far end first; hops are numbered as the INVITE met them.
  for (Group& group : groups) {
    std::ranges::stable_sort(group.leg.path, {}, &DialogLeg::hop);
    std::ranges::sort(group.leg.hops);
  }
  if (groups.empty()) {
    // Nobody answered with an SDP: the offers stand alone.
    for (const Exchange& refusal : call.refusals) {
      const Endpoint caller = first_endpoint(refusal.offer);
      auto group = std::ranges::find_if(groups, [&](const Group& g) { return g.caller == caller; });
      if (group == groups.end()) {
        groups.push_back({caller, {}, {}});
        group = groups.end() - 1;
      }
      if (group->leg.refusal == nullptr) group->leg.refusal = &refusal;
      group->leg.lone_offers.push_back(&refusal.offer);
    }
    for (const SdpUse& use : call.early_offers) {
      const Endpoint caller = first_endpoint(use);
      auto group = std::ranges::find_if(groups, [&](const Group& g) { return g.caller == caller; });
      if (group == groups.end()) {
        groups.push_back({caller, {}, {}});
        group = groups.end() - 1;
      }
      group->leg.lone_offers.push_back(&use);
    }
    for (std::size_t i = 0; i < call.sdp_uses.size(); ++i) {
      for (Group& group : groups) {
        const bool mine = std::ranges::any_of(group.leg.lone_offers,
                                              [&](const SdpUse* use) { return use->sdp == call.sdp_uses[i].sdp; });
        const std::size_t hop = call.sdp_use_hops[i];
        if (mine && std::ranges::find(group.leg.hops, hop) == group.leg.hops.end()) group.leg.hops.push_back(hop);
      }
    }
  }

  std::vector<std::pair<MediaStream*, Place>> placed;
  Legs result;
  for (const auto& stream : call.streams) {
    Place best;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const DialogLeg* dialog : groups[g].leg.path) {
        for (const Exchange& exchange : dialog->exchanges) {
          weigh(*stream, exchange.offer, exchange.answer, g, best);
        }
      }
      for (const SdpUse* use : groups[g].leg.lone_offers) weigh(*stream, *use, {}, g, best);
    }
    if (best.score == 0) {
      result.unplaced.push_back(stream.get());
    } else {
      placed.emplace_back(stream.get(), best);
    }
  }

  // A fork that lost and never had media is no leg of the call.
  const bool any_confirmed = std::ranges::any_of(groups, [](const Group& g) { return g.leg.confirmed; });
  std::vector<std::size_t> position(groups.size(), groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const bool has_media = std::ranges::any_of(placed, [g](const auto& entry) { return entry.second.leg == g; });
    if (any_confirmed && !groups[g].leg.confirmed && !has_media) continue;
    position[g] = result.legs.size();
    Leg& leg = result.legs.emplace_back(std::move(groups[g].leg));
    leg.media.resize(line_count(leg));
    for (std::size_t i = 0; i < leg.media.size(); ++i) leg.media[i].index = i;
  }
  for (const auto& [stream, place] : placed) {
    result.legs[position[place.leg]].media[place.line].streams.push_back(stream);
  }
  return result;
}

}  // namespace voip::session
