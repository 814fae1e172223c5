#include <fmt/format.h>

#include <algorithm>

#include "analyze/srtp/exchange_checks.h"
#include "base/codec.h"
#include "proto/tls/names.h"

// SRTP-040 to 043: what one DTLS handshake chose.
namespace voip::analyze::srtp {

using report::Confidence;
using report::Evidence;
using report::Verdict;
using session::Call;
using session::KeyingFlow;

namespace {

using Subject = std::vector<std::pair<std::string, std::string>>;

std::string version_text(std::uint16_t version) {
  const std::string_view name = dtls::version_name(version);
  return name.empty() ? fmt::format("version 0x{:04x}", version) : std::string(name);
}

std::string suite_text(std::uint16_t suite) {
  const std::string_view name = tls::cipher_suite_name(suite);
  return name.empty() ? fmt::format("0x{:04x}", suite) : std::string(name);
}

std::string profiles_text(const std::vector<std::uint16_t>& profiles) {
  std::string text;
  for (const std::uint16_t id : profiles) {
    const dtls::SrtpProfile* known = dtls::srtp_profile(id);
    if (!text.empty()) text += ", ";
    text += known != nullptr ? std::string(known->name) : fmt::format("0x{:04x}", id);
  }
  return text;
}

// The two hosts: RTP and RTCP, and the handshakes of a rekey, are one subject.
std::string pair_entity(const KeyingFlow& flow) {
  const std::string a = flow.a.address.to_string();
  const std::string b = flow.b.address.to_string();
  return a < b ? a + '|' + b : b + '|' + a;
}

Subject subject_of(const KeyingFlow& flow, const DtlsHandshake& handshake) {
  return {{"source", client_of(flow, handshake).to_string()}, {"destination", server_of(flow, handshake).to_string()}};
}

void check_use_srtp(Findings& out, const Call* call, const KeyingFlow& flow, const DtlsHandshake& handshake,
                    Carries carries, Told& told) {
  if (carries == Carries::kData) return out.tally(kNoUseSrtp, Verdict::kNotApplicable);
  const bool client_lacks = handshake.client_hello.known() && !handshake.client_use_srtp;
  const bool server_lacks = handshake.client_hello.known() && handshake.client_use_srtp &&
                            handshake.server_hello.known() && !handshake.hidden() && !handshake.server_use_srtp;
  if ((!client_lacks && !server_lacks) || carries == Carries::kUnknown) {
    const bool seen = handshake.client_hello.known() && handshake.server_hello.known() && !handshake.hidden();
    return out.tally(kNoUseSrtp, seen && carries == Carries::kMedia ? Verdict::kPass : Verdict::kNotAssessable);
  }
  out.tally(kNoUseSrtp, Verdict::kFail);
  if (!told.insert("use-srtp|" + pair_entity(flow)).second) return;
  std::string message =
      client_lacks
          ? fmt::format("the ClientHello of {} has no use_srtp extension: the handshake with {} can't key SRTP",
                        client_of(flow, handshake).to_string(), server_of(flow, handshake).to_string())
          : fmt::format("{} offered use_srtp ({}), the ServerHello of {} leaves it out: no SRTP keys",
                        client_of(flow, handshake).to_string(), profiles_text(handshake.profiles_offered),
                        server_of(flow, handshake).to_string());
  out.add(kNoUseSrtp, std::move(message), call, pair_entity(flow) + "|use-srtp",
          {{client_lacks ? handshake.client_hello : handshake.server_hello,
            client_lacks ? "ClientHello without use_srtp" : "ServerHello without use_srtp"},
           {client_lacks ? handshake.server_hello : handshake.client_hello, "its counterpart"}},
          subject_of(flow, handshake));
}

void check_version(Findings& out, const Call* call, const KeyingFlow& flow, const DtlsHandshake& handshake,
                   Told& told) {
  // Versions count downwards: what is above 1.2 as a number is older.
  const bool chosen_old = handshake.server_hello.known() && handshake.version > dtls::kDtls12;
  const bool offered_old = handshake.client_hello.known() && handshake.best_version > dtls::kDtls12;
  if (!chosen_old && !offered_old) {
    return out.tally(kObsoleteDtls, handshake.server_hello.known() ? Verdict::kPass : Verdict::kNotAssessable);
  }
  out.tally(kObsoleteDtls, Verdict::kFail);
  if (!told.insert("version|" + pair_entity(flow)).second) return;
  const std::string client = handshake.client_hello.known() ? version_text(handshake.best_version) : "not seen";
  out.add(kObsoleteDtls,
          handshake.server_hello.known()
              ? fmt::format("{} and {} use {} (the client's best: {})", client_of(flow, handshake).to_string(),
                            server_of(flow, handshake).to_string(), version_text(handshake.version), client)
              : fmt::format("{} offers nothing newer than {} to {}", client_of(flow, handshake).to_string(), client,
                            server_of(flow, handshake).to_string()),
          call, pair_entity(flow) + "|dtls-version",
          {{chosen_old ? handshake.server_hello : handshake.client_hello, chosen_old ? "ServerHello" : "ClientHello"},
           {chosen_old ? handshake.client_hello : handshake.server_hello, "its counterpart"}},
          subject_of(flow, handshake));
}

struct Weakness {
  Severity severity = Severity::kInfo;
  std::string_view why;
};

std::optional<Weakness> weakness_of(std::string_view name, const std::vector<std::uint16_t>& offered) {
  const auto has = [name](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("_WITH_NULL_")) return Weakness{Severity::kHigh, "no encryption"};
  if (has("_anon_")) return Weakness{Severity::kHigh, "no authentication"};
  if (has("EXPORT")) return Weakness{Severity::kHigh, "export-grade keys"};
  if (has("_RC4_") || has("_RC2_")) return Weakness{Severity::kHigh, "RC4 or RC2"};
  if (has("_3DES_") || has("_DES_") || has("_DES40_")) return Weakness{Severity::kHigh, "DES or 3DES"};
  if (name.starts_with("TLS_RSA_") || name.starts_with("TLS_DH_") || name.starts_with("TLS_ECDH_") ||
      name.starts_with("TLS_PSK_"))
    return Weakness{Severity::kMedium, "no forward secrecy"};
  const bool gcm = std::ranges::any_of(offered, [](std::uint16_t suite) {
    return (suite >> 8) != 0x13 && tls::cipher_suite_name(suite).find("_GCM_") != std::string_view::npos;
  });
  if (gcm && has("_CBC_") && name.ends_with("_SHA"))
    return Weakness{Severity::kMedium, "CBC with SHA-1 though GCM was offered"};
  return std::nullopt;
}

void check_suite(Findings& out, const Call* call, const KeyingFlow& flow, const DtlsHandshake& handshake, Told& told) {
  if (!handshake.server_hello.known()) return out.tally(kWeakDtlsSuite, Verdict::kNotAssessable);
  const std::string_view name = tls::cipher_suite_name(handshake.cipher_suite);
  if (name.empty()) return out.tally(kWeakDtlsSuite, Verdict::kNotAssessable);
  const auto weakness = weakness_of(name, handshake.suites_offered);
  if (!weakness) return out.tally(kWeakDtlsSuite, Verdict::kPass);
  out.tally(kWeakDtlsSuite, Verdict::kFail);
  if (!told.insert("suite|" + pair_entity(flow)).second) return;
  std::string offered;
  for (std::size_t i = 0; i < handshake.suites_offered.size() && i < 6; ++i)
    offered += (i == 0 ? "" : ", ") + suite_text(handshake.suites_offered[i]);
  if (handshake.suites_offered.size() > 6) offered += fmt::format(" and {} more", handshake.suites_offered.size() - 6);
  out.add(kWeakDtlsSuite,
          fmt::format("{} chose {} for {}: {}{}", server_of(flow, handshake).to_string(), name,
                      client_of(flow, handshake).to_string(), weakness->why,
                      offered.empty() ? std::string() : "; offered were " + offered),
          call, pair_entity(flow) + "|dtls-suite",
          {{handshake.server_hello, "ServerHello"}, {handshake.client_hello, "ClientHello"}},
          subject_of(flow, handshake), weakness->severity);
}

std::string weakness_of(const crypto::CertificateFacts& certificate) {
  std::string why;
  const unsigned least = certificate.key_type == crypto::KeyType::kEc ? 256U : 2048U;
  const bool sized = certificate.key_type == crypto::KeyType::kEc || certificate.key_type == crypto::KeyType::kRsa ||
                     certificate.key_type == crypto::KeyType::kDsa;
  if (sized && certificate.key_bits != 0 && certificate.key_bits < least)
    why = fmt::format("{} key of {} bits", crypto::to_string(certificate.key_type), certificate.key_bits);
  const std::string& digest = certificate.signature_digest;
  if (digest == "sha1" || digest == "md5" || digest == "md4" || digest == "md2" || digest == "md5-sha1")
    why += (why.empty() ? "signed with " : ", signed with ") + digest;
  return why;
}

void check_certificates(Findings& out, const Call* call, const KeyingFlow& flow, const DtlsHandshake& handshake,
                        Told& told) {
  for (const bool client : {true, false}) {
    const DtlsParty& party = client ? handshake.client : handshake.server;
    if (party.certificate == nullptr || !party.certificate->readable) {
      if (!party.no_certificate) out.tally(kWeakDtlsCertificate, Verdict::kNotAssessable);
      continue;
    }
    const std::string why = weakness_of(*party.certificate);
    if (why.empty()) {
      out.tally(kWeakDtlsCertificate, Verdict::kPass);
      continue;
    }
    out.tally(kWeakDtlsCertificate, Verdict::kFail);
    const Endpoint owner = client ? client_of(flow, handshake) : server_of(flow, handshake);
    const std::string name = owner.address.to_string();
    const std::string hash = party.certificate->digest(crypto::Hash::kSha256).hex();
    if (!told.insert("certificate|" + name + hash).second) continue;
    out.add(
        kWeakDtlsCertificate,
        fmt::format("the DTLS certificate of {} (sha-256 {}) is weak: {}", owner.to_string(), hash.substr(0, 16), why),
        call, name + '|' + hash.substr(0, 32), {{party.certificate_frame, "Certificate"}},
        {{"source", owner.to_string()}});
  }
}

}  // namespace

Endpoint client_of(const KeyingFlow& flow, const DtlsHandshake& handshake) {
  return handshake.client_is_a ? flow.a : flow.b;
}
Endpoint server_of(const KeyingFlow& flow, const DtlsHandshake& handshake) {
  return handshake.client_is_a ? flow.b : flow.a;
}

std::string handshake_story(const DtlsHandshake& handshake) {
  std::string story;
  const auto tell = [&story](bool seen, std::string_view what) {
    if (!seen) return;
    if (!story.empty()) story += ", ";
    story += what;
  };
  tell(handshake.client_hello.known(), "ClientHello");
  tell(handshake.verify_request.known(), "HelloVerifyRequest");
  tell(handshake.server_hello.known(), "ServerHello");
  tell(handshake.server.certificate_frame.known(), "server's Certificate");
  tell(handshake.client.certificate_frame.known(), "client's Certificate");
  tell(handshake.client.finished.known(), "client's Finished");
  tell(handshake.server.finished.known(), "server's Finished");
  if (handshake.alert.known()) {
    const std::string_view name = dtls::alert_name(handshake.alert_code);
    tell(true, fmt::format("fatal alert {} from the {}",
                           name.empty() ? std::to_string(handshake.alert_code) : std::string(name),
                           handshake.alert_from_client ? "client" : "server"));
  }
  return story;
}

void check_handshake(Findings& out, const Call* call, const KeyingFlow& flow, const DtlsHandshake& handshake,
                     Carries carries, Told& told) {
  check_use_srtp(out, call, flow, handshake, carries, told);
  check_version(out, call, flow, handshake, told);
  check_suite(out, call, flow, handshake, told);
  check_certificates(out, call, flow, handshake, told);
}

}  // namespace voip::analyze::srtp
