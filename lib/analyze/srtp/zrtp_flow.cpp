#include "analyze/srtp/zrtp_flow.h"

#include <algorithm>

#include "crypto/digest.h"

namespace voip::analyze::srtp {

namespace {

constexpr std::size_t kMostHellos = 8;

std::vector<std::string> texts(const zrtp::Names& names) { return {names.begin(), names.end()}; }

void note_once(FrameRef& at, const FrameRef& frame) {
  if (!at.known()) at = frame;
}

}  // namespace

void ZrtpTrack::on_hello(const zrtp::PacketView& packet, ZrtpParty& party, const FrameRef& frame) {
  ++party.hello_count;
  party.last_hello = frame;
  const auto digest = crypto::sha256(packet.message);
  for (const ZrtpHello& known : party.hellos) {
    if (known.sha256 == digest) return;
  }
  const auto hello = zrtp::parse_hello(packet.body);
  if (!hello || party.hellos.size() >= kMostHellos) return;
  party.hellos.push_back({.version = std::string(hello->version),
                          .client_id = std::string(hello->client_id),
                          .sha256 = digest,
                          .mitm = hello->mitm,
                          .passive = hello->passive,
                          .hashes = texts(hello->hashes),
                          .ciphers = texts(hello->ciphers),
                          .auth_tags = texts(hello->auth_tags),
                          .key_agreements = texts(hello->key_agreements),
                          .frame = frame});
}

void ZrtpTrack::add(ByteView datagram, bool from_a, const FrameRef& frame) {
  const auto packet = zrtp::parse(datagram);
  if (!packet) return;
  if (!packet->crc_ok) {
    ++bad_crc_;
    return;
  }
  ++messages_;
  ZrtpParty& party = parties_[from_a ? 0 : 1];
  switch (packet->type) {
    case zrtp::Type::kHello: on_hello(*packet, party, frame); break;
    case zrtp::Type::kHelloAck: note_once(party.hello_ack, frame); break;
    case zrtp::Type::kCommit:
      if (const auto commit = zrtp::parse_commit(packet->body)) {
        party.commit = {.hash = std::string(commit->hash),
                        .cipher = std::string(commit->cipher),
                        .auth_tag = std::string(commit->auth_tag),
                        .key_agreement = std::string(commit->key_agreement),
                        .sas_type = std::string(commit->sas_type),
                        .frame = frame};
      }
      break;
    case zrtp::Type::kDhPart1: party.dh_part1 = frame; break;
    case zrtp::Type::kDhPart2: party.dh_part2 = frame; break;
    case zrtp::Type::kConfirm1: party.confirm1 = frame; break;
    case zrtp::Type::kConfirm2: party.confirm2 = frame; break;
    case zrtp::Type::kConf2Ack:
      party.conf2ack = frame;
      // Repetitions belong to the stretch that is open.
      if ((secure_.empty() || secure_.back().until.known()) && secure_.size() < kMostStretches)
        secure_.push_back({.from = frame, .until = {}});
      break;
    case zrtp::Type::kGoClear: note_once(party.go_clear, frame); break;
    case zrtp::Type::kClearAck:
      note_once(party.clear_ack, frame);
      if (!secure_.empty() && !secure_.back().until.known()) secure_.back().until = frame;
      break;
    case zrtp::Type::kError:
      if (const auto code = zrtp::parse_error_code(packet->body); code && !party.error.known()) {
        party.error = frame;
        party.error_code = *code;
      }
      break;
    case zrtp::Type::kSasRelay: note_once(party.sas_relay, frame); break;
    case zrtp::Type::kPing: note_once(party.ping, frame); break;
    default: break;
  }
}

bool ZrtpTrack::confirmed() const {
  return (parties_[0].confirm1.known() && parties_[1].confirm2.known()) ||
         (parties_[1].confirm1.known() && parties_[0].confirm2.known());
}

bool ZrtpTrack::initiator_is_a() const {
  const auto initiates = [](const ZrtpParty& me, const ZrtpParty& other) {
    return me.confirm2.known() || me.dh_part2.known() || other.dh_part1.known() || other.confirm1.known();
  };
  if (initiates(parties_[0], parties_[1])) return true;
  return !initiates(parties_[1], parties_[0]) && parties_[0].commit.frame.known();
}

const ZrtpCommit* ZrtpTrack::chosen() const {
  const ZrtpParty& initiator = party(initiator_is_a());
  if (!initiator.commit.frame.known()) return nullptr;
  const ZrtpParty& responder = party(!initiator_is_a());
  // With two Commits and no answer to either it is not known whose won.
  const bool answered = initiator.dh_part2.known() || initiator.confirm2.known() || responder.dh_part1.known() ||
                        responder.confirm1.known();
  return answered || !responder.commit.frame.known() ? &initiator.commit : nullptr;
}

std::string ZrtpTrack::suite() const {
  const ZrtpCommit* commit = chosen();
  return commit == nullptr ? std::string() : commit->cipher + '/' + commit->auth_tag;
}

}  // namespace voip::analyze::srtp
